// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// Many sandboxes at the same time, and nothing of them afterwards.
@Suite("a crowd", .requires(.root), .serialized)
struct CrowdTests {
    private static var size: Int { isLongForm ? 200 : 60 }

    private struct Member {
        let running: Running
        let record: String
    }

    @Test(
        "many sessions live at once, apart from each other, and leave nothing without a sweep", .timeLimit(.minutes(25))
    )
    func crowd() throws {
        let sallyport = try Sallyport()
        // What a host makes once, template and filters, is there when a crowd comes.
        #expect(try sallyport.run(profile: "strict", ["true"]).code == 0)
        // Twice on the same host: what the first crowd had left would be in the way of the second.
        for round in 1...2 { try gather(sallyport, round: round) }
    }

    private func gather(_ sallyport: Sallyport, round: Int) throws {
        let clock = ContinuousClock()
        let begun = clock.now
        let members = try (0..<Self.size).map { index in
            let record = sallyport.home.at("result-\(round)-\(index).json")
            var command = sallyport.runCommand(
                profile: "strict", record: record, ["/bin/sh", "-c", "echo up; read word; echo \"$word\""])
            command.deadline = .seconds(180)
            return Member(running: try command.start(), record: record)
        }
        for member in members { #expect(try member.running.line() == "up") }
        let gathered = clock.now
        // Every one waits for its word: all of them run now.
        let sessions = Set(names("\(sallyport.runtime)/sessions"))
        let bases = HostIds.table().filter { sessions.contains($0.key) }
        #expect(bases.count == Self.size, "sessions with a block of ids")
        let populated = HostGroups.all().filter { path in
            bases[Self.name(path)] != nil && text("\(path)/cgroup.procs")?.isEmpty == false
        }
        #expect(Set(populated.map(Self.name)).count == Self.size, "sessions with processes in their groups")
        let moment = CrashMoment()

        for (index, member) in members.enumerated() {
            try member.running.send(Array("word \(index)\n".utf8))
            member.running.closeInput()
        }
        var blocks: Set<UInt32> = []
        for (index, member) in members.enumerated() {
            let run = try sallyport.outcome(of: try member.running.finish(), record: member.record)
            #expect(run.code == 0 && run.outcome == "exited", "\(run.errorText)")
            #expect(run.lines == ["up", "word \(index)"])
            let base = try #require(run.idBase)
            #expect(blocks.insert(base / 65536).inserted, "block \(base) is another session's too")
            let uid = run.result?["layers"]?["status"]?["Uid"]?.stringValue ?? ""
            let id = base + 1000
            #expect(uid == "\(id) \(id) \(id) \(id)")
            #expect(base == run.session.flatMap { bases[$0] })
        }
        let ended = clock.now
        print(
            "a crowd of \(Self.size), round \(round): all up after \(gathered - begun), all gone after \(ended - begun)"
        )
        try leavesNothing(sallyport, bases, moment)
    }

    /// Without a sweep: every session gave back by itself what it had.
    private func leavesNothing(_ sallyport: Sallyport, _ bases: [String: UInt32], _ moment: CrashMoment) throws {
        #expect(HostGroups.all().filter { bases[Self.name($0)] != nil } == [])
        let table = HostIds.table()
        #expect(bases.keys.filter { table[$0] != nil } == [])
        let running = bases.values.flatMap { HostIds.running($0) }.filter(moment.isAfterStart)
        #expect(running == [])
        #expect(names("\(sallyport.state)/changes") == [])
        #expect(names(sallyport.runtime).filter { $0.hasPrefix(".") } == [])
    }

    private static func name(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? "" }
}
