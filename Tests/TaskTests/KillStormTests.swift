// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import LinuxSystem
import TestSupport
import Testing

/// Anything of ours is killed at any moment, over and over: each task ends once, by what is true of it, and nothing is left.
@Suite(
    "a storm of kills", .serialized, .requires(.root), .requires(.git), .requires(.runner), .timeLimit(.minutes(120)))
struct KillStormTests {
    /// Whom it can hit: the daemon, and whatever a session is made of.
    private enum Victim: String, CaseIterable {
        case daemon = "sallyportd"
        case task = "sallyport-task"
        case supervisor = "sallyport"
        case gateway = "sallyport-gateway"
        case broker = "sallyport-broker"
        case pidOne = "sp-init"
        /// As it is called inside of the sandbox.
        case runner
    }

    private struct Storm {
        let scene: DaemonScene
        var kills: [Victim: Int] = [:]
        var ended: [String: Int] = [:]

        var count: Int { kills.values.reduce(0, +) }

        /// Processes below a session's own, by their names.
        private func descendants(of root: Int32) -> [(pid: Int32, name: String)] {
            var children: [Int32: [Int32]] = [:]
            for pid in names("/proc").compactMap({ Int32($0) }) {
                guard let parent = statusField(pid, "PPid").flatMap({ Int32($0) }) else { continue }
                children[parent, default: []].append(pid)
            }
            var found: [(Int32, String)] = []
            var left = [root]
            while let pid = left.popLast() {
                if let name = statusField(pid, "Name") { found.append((pid, name)) }
                left += children[pid] ?? []
            }
            return found
        }

        /// Kills one process of a kind, if there is any now.
        mutating func strike(_ victim: Victim) throws -> Bool {
            if victim == .daemon {
                try scene.end(SIGKILL)
                kills[victim, default: 0] += 1
                try scene.start()
                return true
            }
            var candidates: [Int32] = []
            for name in names(scene.sessions) where !names("\(scene.sessions)/\(name)").contains("end.json") {
                // It may not have said yet who it is.
                guard names("\(scene.sessions)/\(name)").contains("begun.json"),
                    let pid = try scene.session(name)["pid"]?.intValue
                else { continue }
                // The kernel keeps fifteen letters of a name. prctl(2), PR_SET_NAME
                candidates += descendants(of: Int32(pid)).filter { $0.name == victim.rawValue.prefix(15) }.map(\.pid)
            }
            guard let pid = candidates.randomElement(), kill(pid, SIGKILL) == 0 else { return false }
            kills[victim, default: 0] += 1
            return true
        }
    }

    @Test("every task ends once, what it handed over is there once, slots are free and nothing is left")
    func storm() throws {
        let wanted = getenv("SALLYPORT_LONG") == nil ? 30 : 500
        let scene = try DaemonScene()
        var storm = Storm(scene: scene)
        var tasks: [String] = []
        try scene.start()
        while storm.count < wanted {
            // As many at work as may be, and one that waits.
            while try unfinished(scene) < 4 {
                tasks.append(try scene.submit(key: "k-\(tasks.count)"))
            }
            // Some moment in the life of a task, by what has happened by then.
            let id = tasks[tasks.count - 1 - Int.random(in: 0..<4)]
            var command = scene.sallyport.command(["watch", id, "--json"])
            command.deadline = .seconds(120)
            let watching = try command.start()
            watching.closeInput()
            for _ in 0..<Int.random(in: 1...12) where try watching.line() == nil { break }
            _ = try storm.strike(Victim.allCases.randomElement() ?? .daemon)
            // It may have ended with its task, or with the daemon.
            do { try watching.signal(SIGTERM) } catch {}
            _ = try watching.finish()
        }
        for id in tasks {
            let last = try scene.ask("watch", id, "--json")
            #expect([0, 1].contains(last.code), "\(last.text)\(last.errorText)")
            try judge(scene, id, &storm)
        }
        let health = try scene.json(try scene.ask("list", "--status", "RUNNING", "--json"))
        #expect(health["tasks"]?.arrayValue?.isEmpty == true)
        #expect(try scene.ask("sweep").code == 0)
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
        let hit = Victim.allCases.map { "\($0.rawValue) \(storm.kills[$0, default: 0])" }.joined(separator: ", ")
        let ends = storm.ended.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        print("a storm of \(storm.count) kills (\(hit)) over \(tasks.count) tasks: \(ends)")
    }

    private func unfinished(_ scene: DaemonScene) throws -> Int {
        let states = ["SUBMITTED", "QUEUED", "HYDRATING", "RUNNING", "AWAITING_APPROVAL", "FINALIZING"]
        let options = states.flatMap { ["--status", $0] }
        let done = try scene.sallyport.command(["list", "--json"] + options).run()
        return try scene.json(done)["tasks"]?.arrayValue?.count ?? 0
    }

    /// Success is told of what is there, and nothing is there twice.
    private func judge(_ scene: DaemonScene, _ id: String, _ storm: inout Storm) throws {
        let task = try scene.task(id)
        let status = task["status"]?.stringValue ?? "?"
        storm.ended[status, default: 0] += 1
        #expect(["COMPLETED", "FAILED"].contains(status), "\(task.compactText)")
        let events = try scene.events(id)
        try scene.chain(events)
        let types = events.map { $0["type"]?.stringValue ?? "" }
        #expect(types.count { ["task_completed", "task_failed"].contains($0) } == 1)
        #expect(types.count { $0 == "session_started" } <= 1)
        #expect(scene.attempts.filter { $0.hasPrefix(id) }.count <= 1)
        let branches = try scene.forge.branches().split(separator: "\n").filter { $0.contains(id) }
        let pulls = try names(scene.forge.forge + "/pulls").count { name in
            let text = text("\(scene.forge.forge)/pulls/\(name)") ?? ""
            return try JSON.read(Array(text.utf8), file: name)["head"]?.stringValue?.contains(id) == true
        }
        #expect(branches.count <= 1 && pulls <= 1, "\(branches) \(pulls)")
        if status == "COMPLETED" {
            #expect(branches.count == 1 && pulls == 1, "\(task.compactText)")
            #expect(branches.first.map(String.init) == task["result"]?["branch"]?.stringValue)
        } else {
            #expect(task["error"]?["message"]?.stringValue?.isEmpty == false)
        }
    }
}
