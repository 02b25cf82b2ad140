// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// Anything of ours is killed at any moment, over and over: each task ends once, by what is true of it, and nothing is left.
@Suite(
    "a storm of kills", .serialized, .requires(.root), .requires(.git), .requires(.runner), .timeLimit(.minutes(120)))
struct KillStormTests {
    /// What tasks did to the outside, by their names.
    private struct Deeds {
        private let branches: [String]
        private let heads: [String]

        init(_ scene: DaemonScene) throws {
            branches = try scene.forge.branches().split(separator: "\n").map(String.init)
            heads = try names(scene.forge.forge + "/pulls").compactMap { name in
                let file = "\(scene.forge.forge)/pulls/\(name)"
                return try JSON.read(try #require(contents(file)), file: name)["head"]?.stringValue
            }
        }

        func branches(of task: String) -> [String] { branches.filter { $0.contains(task) } }
        func pulls(of task: String) -> [String] { heads.filter { $0.contains(task) } }
    }

    @Test("every task ends once, what it handed over is there once, slots are free and nothing is left")
    func storm() throws {
        let wanted = getenv("SALLYPORT_LONG") == nil ? 30 : 500
        let scene = try DaemonScene()
        var storm = KillStorm(scene)
        let began = ContinuousClock.now
        try scene.start()
        while storm.count < wanted || !storm.missed.isEmpty { try storm.strike() }
        // All that it was is over: what comes now ends as if there had been none.
        let calm = try scene.submit(key: "calm")
        for id in storm.tasks + [calm] {
            let last = try scene.ask("watch", id, "--json")
            #expect([0, 1].contains(last.code), "\(last.text)\(last.errorText)")
        }
        let deeds = try Deeds(scene)
        var ended: [String: Int] = [:]
        for id in storm.tasks {
            let status = try judge(scene, id, deeds, wasStruck: storm.struck.contains(id))
            ended[status, default: 0] += 1
        }
        #expect(try judge(scene, calm, deeds, wasStruck: false) == "COMPLETED")
        let health = try scene.json(try scene.ask("list", "--status", "RUNNING", "--json"))
        #expect(health["tasks"]?.arrayValue?.isEmpty == true)
        #expect(try scene.ask("sweep").code == 0)
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
        let hit = KillStorm.Victim.allCases.map { "\($0.rawValue) \(storm.kills[$0, default: 0])" }
        let ends = ended.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        let seconds = (ContinuousClock.now - began).components.seconds
        print(
            "a storm of \(storm.count) kills (\(hit.joined(separator: ", "))) over \(storm.tasks.count) tasks in "
                + "\(seconds) s: \(ends.joined(separator: ", "))")
    }

    /// Success is told of what is there, and nothing is there twice; whom only the daemon's end could hit, nothing did.
    private func judge(_ scene: DaemonScene, _ id: String, _ deeds: Deeds, wasStruck: Bool) throws -> String {
        let task = try scene.task(id)
        let status = task["status"]?.stringValue ?? "?"
        #expect(status == "COMPLETED" || wasStruck && status == "FAILED", "\(task.compactText)")
        let events = try scene.events(id)
        try scene.chain(events)
        let types = events.map { $0["type"]?.stringValue ?? "" }
        #expect(types.count { ["task_completed", "task_failed"].contains($0) } == 1)
        #expect(types.count { $0 == "session_started" } <= 1)
        #expect(scene.attempts.filter { $0.hasPrefix(id) }.count <= 1)
        let (branches, pulls) = (deeds.branches(of: id), deeds.pulls(of: id))
        #expect(branches.count <= 1 && pulls.count <= 1, "\(branches) \(pulls)")
        if status == "COMPLETED" {
            #expect(branches.count == 1 && pulls.count == 1, "\(task.compactText)")
            #expect(branches.first == task["result"]?["branch"]?.stringValue)
        } else {
            #expect(task["error"]?["message"]?.stringValue?.isEmpty == false)
        }
        return status
    }
}
