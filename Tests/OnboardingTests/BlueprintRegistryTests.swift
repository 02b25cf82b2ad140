// SPDX-License-Identifier: Apache-2.0
import Blueprints
import Documents
import Foundation
import LinuxSystem
import Onboarding
import TestSupport
import Testing

@Suite("applied blueprints")
struct BlueprintRegistryTests {
    let home: Scratch
    let path: String
    static let name = RepositoryName("Team/Library")!

    init() throws {
        home = try Scratch()
        path = home.at("state/blueprints")
    }

    static func text(_ turns: Int, repo: String = "Team/Library") -> String {
        """
        version: 1
        repo: \(repo)
        reason: tests  # kept as written
        source: {repository: /srv/git/library.git}
        submitters: ["user:alice"]
        agent: {max_turns: \(turns)}
        runner: {command: exec agent}
        """
    }

    @discardableResult
    func apply(_ turns: Int, onto known: String?, at moment: Int = 1_700_000_000) throws -> BlueprintChange {
        let text = Self.text(turns)
        return try BlueprintRegistry(path: path).apply(
            try Blueprint.read(Array(text.utf8), file: "b.yaml"), text: text, onto: known,
            by: Author(uid: 7, moment: moment))
    }

    @Test("nothing is onboarded where nothing was applied, and looking makes nothing")
    func empty() throws {
        let registry = BlueprintRegistry(path: path)
        let (current, all, history) = (
            try registry.current(Self.name), try registry.list(), try registry.history(Self.name)
        )
        #expect(current == nil && all.isEmpty && history.isEmpty)
        guard case .unknown = try registry.onboarding(Self.name) else {
            Issue.record("it is onboarded")
            return
        }
        #expect(access(path, F_OK) != 0)
    }

    @Test("what is applied counts, by its name in any case, with both times")
    func applied() throws {
        let first = try apply(10, onto: nil)
        let second = try apply(20, onto: first.digest, at: 1_700_000_100)
        let registry = BlueprintRegistry(path: path)
        let other = try #require(RepositoryName("TEAM/library"))
        let found = try registry.current(other)
        let current = try #require(found)
        #expect(current.digest == second.digest && current.number == 2 && current.previous == first.digest)
        #expect(current.onboardedAt == 1_700_000_000 && current.updatedAt == 1_700_000_100 && current.author == 7)
        #expect(current.text == Self.text(20))
        guard case .active(let blueprint) = try registry.onboarding(Self.name) else {
            Issue.record("it is not active")
            return
        }
        #expect(blueprint.agent.maxTurns == 20 && blueprint.repo.description == "Team/Library")
        #expect(try registry.list().map(\.digest) == [second.digest])
        #expect(try registry.history(Self.name).map(\.number) == [1, 2])
    }

    @Test("a removed one shuts the gate, keeps its history, and can be applied again")
    func removed() throws {
        let first = try apply(10, onto: nil)
        let registry = BlueprintRegistry(path: path)
        let gone = try registry.remove(Self.name, onto: first.digest, by: Author(uid: 7, moment: 1_700_000_200))
        guard case .removed = try registry.onboarding(Self.name) else {
            Issue.record("it is not removed")
            return
        }
        let error = #expect(throws: RegistryError.self) {
            _ = try BlueprintRegistry(path: path).remove(Self.name, onto: gone.digest, by: Author(uid: 7, moment: 0))
        }
        #expect(error?.code == .notFound)
        let again = try apply(10, onto: gone.digest, at: 1_700_000_300)
        #expect(again.onboardedAt == 1_700_000_300 && again.blueprintDigest == first.blueprintDigest)
        #expect(try registry.history(Self.name).map(\.status) == [.active, .removed, .active])
    }

    @Test("a plan that is out of date changes nothing")
    func moved() throws {
        let first = try apply(10, onto: nil)
        for known in [nil, "0000"] {
            let error = #expect(throws: RegistryError.self) { _ = try apply(20, onto: known) }
            #expect(error?.code == .moved)
        }
        #expect(try BlueprintRegistry(path: path).current(Self.name)?.digest == first.digest)
    }

    @Test("of many who apply at once one wins each time, and every win is in the history")
    func race() async throws {
        let path = self.path
        let wins = await withTaskGroup(of: Int.self) { group in
            for number in 1...8 {
                group.addTask {
                    var wins = 0
                    for round in 1...10 {
                        do {
                            let known = try BlueprintRegistry(path: path).current(Self.name)?.digest
                            let text = Self.text(number * 10 + round)
                            _ = try BlueprintRegistry(path: path).apply(
                                try Blueprint.read(Array(text.utf8), file: "b"), text: text, onto: known,
                                by: Author(uid: UInt32(number), moment: round))
                            wins += 1
                        } catch {}
                    }
                    return wins
                }
            }
            return await group.reduce(0, +)
        }
        #expect(wins > 0)
        #expect(try BlueprintRegistry(path: path).history(Self.name).count == wins)
    }

    func file(_ number: Int) -> String { "\(path)/team/library/00000\(number).json" }

    @Test("a file that was changed is no blueprint")
    func changed() throws {
        try apply(10, onto: nil)
        let text = try String(contentsOfFile: file(1), encoding: .utf8)
        for (old, new) in [
            ("\\\"max_turns\\\":10", "\\\"max_turns\\\":99"), ("\"uid\": 7", "\"uid\": 8 "),
            ("\"active\"", "\"removed\" "),
            ("\"number\": 1", "\"number\": 2"), ("\"version\": 1", "\"version\": 2"),
        ] {
            try #require(text.contains(old), "\(old) in \(text)")
            try text.replacingOccurrences(of: old, with: new).write(toFile: file(1), atomically: false, encoding: .utf8)
            #expect(throws: RegistryError.self) { _ = try BlueprintRegistry(path: path).onboarding(Self.name) }
        }
        try text.write(toFile: file(1), atomically: false, encoding: .utf8)
        _ = try BlueprintRegistry(path: path).onboarding(Self.name)
    }

    @Test("a file that others can write, a link, and a stranger's file are not trusted")
    func trust() throws {
        try apply(10, onto: nil)
        chmod(file(1), 0o666)
        #expect(throws: RegistryError.self) { _ = try BlueprintRegistry(path: path).onboarding(Self.name) }
        chmod(file(1), 0o644)
        _ = try BlueprintRegistry(path: path).onboarding(Self.name)
        chmod(path + "/team", 0o777)
        #expect(throws: RegistryError.self) { _ = try BlueprintRegistry(path: path).onboarding(Self.name) }
        chmod(path + "/team", 0o755)
        try FileManager.default.moveItem(atPath: file(1), toPath: home.at("elsewhere"))
        symlink(home.at("elsewhere"), file(1))
        #expect(throws: RegistryError.self) { _ = try BlueprintRegistry(path: path).onboarding(Self.name) }
    }

    @Test("a history with a hole, or with a change put in between, is refused")
    func holes() throws {
        let first = try apply(10, onto: nil)
        let second = try apply(20, onto: first.digest)
        try apply(30, onto: second.digest)
        let registry = BlueprintRegistry(path: path)
        #expect(try registry.history(Self.name).count == 3)
        try FileManager.default.moveItem(atPath: file(2), toPath: home.at("second"))
        #expect(throws: RegistryError.self) { _ = try registry.current(Self.name) }
        // The same number with another content.
        let home2 = try Scratch()
        let text = Self.text(99)
        let elsewhere = BlueprintRegistry(path: home2.at("b"))
        let blueprint = try Blueprint.read(Array(text.utf8), file: "b")
        let one = try elsewhere.apply(blueprint, text: text, onto: nil, by: Author(uid: 1, moment: 1))
        _ = try elsewhere.apply(blueprint, text: text, onto: one.digest, by: Author(uid: 1, moment: 1))
        try FileManager.default.copyItem(atPath: home2.at("b/team/library/000002.json"), toPath: file(2))
        #expect(throws: RegistryError.self) { _ = try registry.history(Self.name) }
    }
}

@Suite("times in files")
struct TimestampTests {
    @Test(
        "seconds and their text",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (951_782_399, "2000-02-28T23:59:59Z"), (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"), (4_102_444_800, "2100-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ])
    func both(_ seconds: Int, _ text: String) {
        #expect(Timestamp.text(seconds) == text && Timestamp.seconds(text) == seconds)
    }

    @Test(
        "other spellings are none",
        arguments: [
            "", "2023-02-29T00:00:00Z", "2023-13-01T00:00:00Z", "2023-01-01T24:00:00Z", "2023-01-01 00:00:00Z",
            "+023-01-01T00:00:00Z",
        ])
    func none(_ text: String) {
        #expect(Timestamp.seconds(text) == nil)
    }
}
