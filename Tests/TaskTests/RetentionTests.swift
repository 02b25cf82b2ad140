// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// What becomes of tasks that are over for a long time.
@Suite(
    "retention", .serialized, .requires(.root), .requires(.git), .requires(.runner),
    .requires(.python),
    .timeLimit(.minutes(25)))
struct RetentionTests {
    /// Makes tasks older than they are, as nobody but a test does.
    private func age(_ scene: DaemonScene, _ ids: [String], days: Int) throws {
        let names = ids.map { "'\($0)'" }.joined(separator: ",")
        let program =
            "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1])\nc.execute(\"UPDATE tasks SET status_ms = status_ms - \(days * 86_400_000) WHERE id IN (\(names))\")\nc.commit()"
        let done = try Command("/usr/bin/python3", ["-c", program, scene.directory + "/store.sqlite"])
            .run()
        try #require(done.code == 0, "\(done.errorText)")
    }

    private func collect(_ scene: DaemonScene, _ words: String...) throws -> [String] {
        var command = Command(Executables.path("sallyportd"), ["gc"] + words)
        command.environment = scene.sallyport.environment
        let done = try command.run()
        try #require(done.code == 0, "\(done.errorText)")
        // Each step has a directory as the session has one.
        return Set(done.lines.map { $0.split(separator: " ").prefix(2).joined(separator: " ") }).sorted()
    }

    @Test(
        "what is old goes by its class, whole tasks with their events; what is held, named or at work stays"
    )
    func classes() throws {
        let scene = try DaemonScene()
        try scene.start()
        let old = try scene.submit(key: "old")
        #expect(try scene.ask("watch", old).code == 0)
        let child = try scene.submission(key: "child", options: ["--depends-on", old]).run()
        let named = try #require(try scene.json(child)["task"]?["task"]?.stringValue)
        #expect(try scene.ask("watch", named).code == 0)
        let held = try scene.submit(agent: "exit 3", key: "held")
        #expect(try scene.ask("watch", held).code == 1)
        #expect(try scene.ask("hold", held).code == 0)
        #expect(try scene.ask("hold", held).code == 125)
        let working = try scene.submit(agent: DaemonScene.waiting, key: "working")
        try scene.waitForAgent(working)
        #expect(try collect(scene, "--dry-run") == ["nothing is"])
        // Ten days: what only the session's process needed.
        try age(scene, [old, held, working], days: 10)
        #expect(try collect(scene, "--dry-run") == ["\(old) session"])
        #expect(try collect(scene, "--now").contains("\(old) session"))
        #expect(try scene.ask("watch", old).code == 0)
        try waitForChange(in: scene.sessions + "/\(old)-1") {
            names(scene.sessions + "/\(old)-1").sorted() == ["delivered", "log"]
        }
        #expect(try scene.ask("evidence", "verify", scene.sessions + "/\(old)-1/delivered").code == 0)
        // A hundred: everything, but for the row that another task names.
        try age(scene, [old, held, working], days: 90)
        try scene.end(SIGTERM)
        #expect(try collect(scene, "--now") == ["\(old) evidence", "\(old) logs"])
        #expect(!names(scene.sessions).contains("\(old)-1"))
        try scene.start()
        let events = try scene.events(old)
        try scene.chain(events)
        #expect(events.count { $0["type"]?.stringValue == "retention_applied" } >= 3)
        #expect(
            names(scene.sessions).contains("\(held)-1") && names(scene.sessions).contains("\(working)-1"))
        try age(scene, [named], days: 100)
        #expect(try scene.ask("release", held).code == 0)
        #expect(try scene.ask("cancel", working).code == 0)
        #expect(try scene.ask("watch", working).code == 1)
        try scene.end(SIGTERM)
        // It ended a moment ago, whenever it began.
        _ = try collect(scene, "--now")
        try scene.start()
        for id in [old, named, held] { #expect(try scene.ask("status", id).code == 125) }
        try scene.chain(try scene.events(working))
        #expect(Set(names(scene.sessions).map { $0.prefix { $0 != "-" } }) == [working[...]])
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }
}
