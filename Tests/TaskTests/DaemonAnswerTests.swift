// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import LinuxSystem
import Store
import TaskModel
import TestSupport
import Testing

/// Answers that are larger than what a socket, or one line, holds.
@Suite("large answers of the daemon", .requires(.root), .requires(.git), .timeLimit(.minutes(10)))
struct DaemonAnswerTests {
    private static let tasks = 220
    private static let events = 900

    /// A daemon over a store in which much has happened.
    private func scene() throws -> (scene: DaemonScene, task: String) {
        let scene = try DaemonScene()
        // It makes its directories.
        try scene.start()
        try scene.end(SIGTERM)
        let store = try SQLiteStore(scene.directory + "/store.sqlite")
        var last = ""
        let quotes = String(repeating: "\"", count: 4000)
        // None of them is old enough to be removed.
        let first = Int(time(nil)) * 1000
        for number in 1...Self.tasks {
            let now = Moment(wallMilliseconds: first + number, monotonicMilliseconds: number)
            last =
                TaskIdentifier(milliseconds: UInt64(first + number), random: Array(repeating: 0, count: 10)).description
            let request = try TaskRequest([.repository: DaemonScene.repository, .task: "Fix it"])
            let record = TaskRecord(id: last, owner: "uid:0", request: request, createdMilliseconds: first + number)
            guard case .created(var task) = try store.create(record, [NewEvent(.taskCreated)], timers: [:], at: now)
            else { throw HarnessError("task \(number) is there already") }
            let notes = (0..<10).map { MemoryNote(.fact, "\($0)\(quotes)", .claimed, source: "task:\(last)") }
            task.status = .failed
            task.report = SessionReport(outcome: "lost", isSuccess: false, reason: "lost", notes: notes)
            let many = number == Self.tasks ? Self.events : 1
            let facts = (1...many).map { NewEvent(.budgetWarning, ["number": .int($0), "text": .string(quotes)]) }
            _ = try store.apply(TaskChange(task, .rejected, events: facts + [NewEvent(.taskFailed)]), at: now)
        }
        try scene.start()
        return (scene, last)
    }

    @Test("whoever watches is told all of it, however much there is and however slowly it is taken")
    func watch() throws {
        let (scene, task) = try scene()
        let all = try scene.ask("watch", task, "--json")
        #expect(all.code == 1, "\(all.errorText)")
        let numbers = try all.lines.compactMap { line in
            try JSON.read(Array(line.utf8), file: "event")["payload"]?["number"]?.intValue
        }
        #expect(numbers == Array(1...Self.events))
        #expect(try scene.ask("events", task, "--json").lines.count == Self.events + 2)
        try scene.end(SIGTERM)
    }

    @Test("a list comes in pages that fit, without what only one task's own answer shows")
    func list() throws {
        let (scene, task) = try scene()
        var seen: [String] = []
        var next: String?
        repeat {
            let answer = try scene.json(
                try scene.ask(["list", "--json", "--limit", "500"] + (next.map { ["--before", $0] } ?? [])))
            seen += (answer["tasks"]?.arrayValue ?? []).compactMap { $0["task"]?.stringValue }
            next = answer["pagination"]?["next"]?.stringValue
        } while next != nil
        #expect(seen.count == Self.tasks && Set(seen).count == Self.tasks && seen.first == task)
        let shown = try scene.json(try scene.ask("status", task, "--json"))
        #expect(shown["result"]?["notes"]?.arrayValue?.count == 10)
        try scene.end(SIGTERM)
    }
}
