// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// Sessions, their clients and the listening supervisor end independently, and nothing is left.
@Suite("listening supervisor: lifetimes", .requires(.root), .timeLimit(.minutes(10)))
struct ListenerLifetimeTests {
    @Test("a session goes on when the listening supervisor is killed, and the next one knows it")
    func restart() throws {
        let scene = try ListenerScene()
        let session = try scene.waiting()
        let name = try #require(scene.sessions.first)
        try scene.end(SIGKILL)
        // Nobody listens now, and nobody else makes a session instead.
        let none = try scene.run(["true"])
        #expect(
            none.code == 125 && none.errorText.contains("cannot reach the listening supervisor"), "\(none.errorText)")
        try scene.start()
        let list = try JSON.read(try scene.client(["session", "list", "--json"]).run().output, file: "list")
        let item = try #require(list.arrayValue?.first)
        #expect(item["session"]?.stringValue == name && item["phase"]?.stringValue == "running")
        try session.send(Array("go\n".utf8))
        let done = try session.finish()
        #expect(done.code == 7, "\(done.errorText)")
        #expect(CrashResidue(name).found(scene.sallyport, keepsRecord: true) == [])
        // Its record is all there is to sweep.
        #expect(try scene.sweep()["failures"]?.arrayValue == [])
        #expect(CrashResidue(name).found(scene.sallyport) == [])
        try scene.end(SIGTERM)
    }

    @Test("a session of the listener before counts against the ceiling, and can be stopped")
    func adopted() throws {
        let scene = try ListenerScene(sessions: 1)
        let session = try scene.waiting()
        let name = try #require(scene.sessions.first)
        try scene.end(SIGKILL)
        try scene.start()
        let second = try scene.run(["true"])
        #expect(second.code == 125 && second.errorText.contains("The ceiling lets it have 1 at a time"))
        let stop = try scene.client(["session", "stop", name]).run()
        #expect(stop.code == 0, "\(stop.errorText)")
        session.closeInput()
        #expect(try session.finish().code == 143)
        try scene.end(SIGTERM)
    }

    @Test("a user sees and stops its own sessions and no other's")
    func own() throws {
        let scene = try ListenerScene(others: ListenerScene.entry(ListenerScene.other))
        let session = try scene.waiting()
        let name = try #require(scene.sessions.first)
        let foreign = try scene.client(["session", "list", "--json"], uid: ListenerScene.other).run()
        #expect(foreign.code == 0 && foreign.text == "[]\n", "\(foreign)")
        let stop = try scene.client(["session", "stop", name], uid: ListenerScene.other).run()
        #expect(stop.code == 125)
        #expect(stop.errorText.contains("cannot find session \"\(name)\" of uid 4343"), "\(stop.errorText)")
        #expect(try scene.client(["session", "list"]).run().text.hasPrefix("\(name)  running"))
        #expect(try scene.client(["session", "stop", name]).run().code == 0)
        session.closeInput()
        #expect(try session.finish().code == 143)
        try scene.end(SIGTERM)
    }

    @Test("a client passes a request to stop on; the second one is carried out at once")
    func asked() throws {
        let scene = try ListenerScene()
        let stubborn = try scene.client([
            "run", "--", "sh", "-c", "trap 'echo asked' TERM INT; echo begun; while :; do read line; done",
        ])
        .start()
        try #require(try stubborn.line() == "begun")
        try stubborn.signal(SIGTERM)
        #expect(try stubborn.line() == "asked")
        let second = ContinuousClock.now
        try stubborn.signal(SIGINT)
        let done = try stubborn.finish()
        #expect(done.code == 137 && done.lines == ["begun", "asked"], "\(done)")
        // The first alone would have ended it too, five seconds later.
        #expect(ContinuousClock.now - second < .seconds(3))
        try scene.end(SIGTERM)
    }

    @Test("a session ends with its client, however that ends, and settle waits for it")
    func client() throws {
        let scene = try ListenerScene()
        let session = try scene.waiting()
        let name = try #require(scene.sessions.first)
        let residue = CrashResidue(name)
        try session.signal(SIGKILL)
        session.closeInput()
        #expect(try session.finish().ending == .signalled(SIGKILL))
        let settled = try scene.client(["sweep"]).run()
        #expect(settled.code == 0, "\(settled.errorText)")
        #expect(residue.found(scene.sallyport, keepsRecord: true) == [])
        #expect(scene.result(name) != nil)
        try scene.end(SIGTERM)
    }

    @Test("a session whose supervisor is killed is lost, and what it left goes")
    func lost() throws {
        let scene = try ListenerScene()
        let session = try scene.waiting()
        let name = try #require(scene.sessions.first)
        let residue = CrashResidue(name)
        try #require(kill(try scene.supervisor(name), SIGKILL) == 0)
        session.closeInput()
        let done = try session.finish()
        #expect(done.code == 125)
        #expect(
            done.errorText.contains(
                "cannot hear the end of session \(name): Connection reset by peer (ECONNRESET). Its supervisor is gone without a word: the session is lost, whatever it did."
            ), "\(done.errorText)")
        #expect(try scene.client(["sweep"]).run().code == 0)
        #expect(residue.found(scene.sallyport) == [])
        try scene.end(SIGTERM)
    }

    @Test(
        "killed at any point of its start, a session leaves nothing",
        arguments: [
            "session.directory", "ids.allocated", "session.state", "cgroup.created", "sandbox.launched",
            "workload.released",
        ])
    func points(_ point: String) throws {
        let scene = try ListenerScene(starts: false)
        try scene.start(fault: point)
        let done = try scene.run(["true"])
        #expect(done.code == 125 && done.errorText.contains("cannot hear the end of"), "\(point): \(done.errorText)")
        let name = scene.sessions.first
        #expect(try scene.client(["sweep"]).run().code == 0)
        if let name { #expect(CrashResidue(name).found(scene.sallyport) == [], "\(point)") }
        #expect(scene.sessions.isEmpty)
        try scene.end(SIGTERM)
    }
}
