// SPDX-License-Identifier: Apache-2.0
import Policy
import Testing

@Suite("filesystem rules")
struct FilesystemPolicyTests {
    private func paths(_ texts: [String]) throws -> [RulePath] { try texts.map { try RulePath.rule($0) } }

    @Test(
        "spellings of one path are one path",
        arguments: [
            "/workspace/a", "/workspace/a/", "//workspace//a", "/./workspace/./a/.", "/workspace/a//", "/workspace/./a",
        ])
    func spellings(text: String) throws {
        #expect(try RulePath(text) == RulePath("/workspace/a"))
        #expect(try RulePath(text).text == "/workspace/a")
        let policy = FilesystemPolicy(
            writable: [try RulePath("/workspace")], readOnly: [], deny: [try RulePath.rule(text)], workspace: .readWrite
        )
        #expect(policy.decide(try RulePath("/workspace/a")).access == .denied)
        #expect(policy.decide(try RulePath("/workspace/b")).access == .writable)
        #expect(policy.decide(try RulePath("/workspace/ab")).access == .writable)
    }

    @Test("case and composed characters are other names, as for the kernel")
    func otherNames() throws {
        let policy = FilesystemPolicy(
            writable: try paths(["/workspace"]), readOnly: [], deny: try paths(["/workspace/\u{E9}"]),
            workspace: .readWrite)
        #expect(policy.decide(try RulePath("/workspace/\u{E9}")).access == .denied)
        #expect(policy.decide(try RulePath("/workspace/e\u{301}")).access == .writable)
        #expect(policy.decide(try RulePath("/workspace/\u{C9}")).access == .writable)
        #expect(try RulePath("/a/\u{E9}") != RulePath("/a/e\u{301}"))
    }

    @Test(
        "refuses what is no path to decide about",
        arguments: [
            ("", RulePath.Flaw.notAbsolute), ("a/b", .notAbsolute), ("/a/../b", .parentComponent),
            ("/..", .parentComponent), ("/a\nb", .control), ("/a\u{7F}", .control), ("/*", .glob), ("/a?", .glob),
            ("/[a]", .glob), ("/" + String(repeating: "x", count: 256), .tooLong),
            (String(repeating: "/x", count: 2048), .tooLong),
        ])
    func flaws(text: String, flaw: RulePath.Flaw) {
        #expect(throws: flaw) { try RulePath.rule(text) }
    }

    @Test("a pattern character in a path that exists is a plain character")
    func literalGlob() throws {
        let policy = FilesystemPolicy(
            writable: try paths(["/workspace"]), readOnly: [], deny: [], workspace: .readWrite)
        #expect(policy.decide(try RulePath("/workspace/a*b[1]?")).access == .writable)
    }

    @Test("deny inside allow inside deny: the most specific rule decides, the narrowest of equals")
    func nesting() throws {
        let policy = FilesystemPolicy(
            writable: try paths(["/workspace", "/workspace/a/b", "/workspace/t"]),
            readOnly: try paths(["/workspace/r", "/workspace/t"]),
            deny: try paths(["/workspace/a", "/workspace/a/b/c"]),
            workspace: .readWrite)
        func access(_ text: String) throws -> FilesystemPolicy.Access { policy.decide(try RulePath(text)).access }
        #expect(try access("/workspace/x") == .writable)
        #expect(try access("/workspace/a/x") == .denied)
        #expect(try access("/workspace/a/b/x") == .writable)
        #expect(try access("/workspace/a/b/c/d") == .denied)
        #expect(try access("/workspace/r/x") == .readOnly)
        #expect(try access("/workspace/t") == .readOnly)
        #expect(try access("/") == .denied)
        #expect(policy.decide(try RulePath("/elsewhere")).rule == nil)
    }

    @Test("a read-only workspace caps every rule at or below it")
    func readOnlyWorkspace() throws {
        let policy = FilesystemPolicy(
            writable: try paths(["/workspace", "/tmp"]), readOnly: [], deny: try paths(["/workspace/d"]),
            workspace: .readOnly)
        #expect(policy.decide(try RulePath("/workspace/x")).access == .readOnly)
        #expect(policy.decide(try RulePath("/workspace/d")).access == .denied)
        #expect(policy.decide(try RulePath("/tmp/x")).access == .writable)
    }

    /// The decision said another way: walk down from the root, and let each rule met on the way replace the last.
    private func model(_ policy: FilesystemPolicy, _ text: String) -> FilesystemPolicy.Access {
        var access = FilesystemPolicy.Access.denied
        var here = ""
        for part in [""] + text.split(separator: "/").map({ "/" + $0 }) {
            here += part
            let name = here.isEmpty ? "/" : here
            if policy.writable.contains(where: { $0.text == name }) { access = .writable }
            if policy.readOnly.contains(where: { $0.text == name }) { access = .readOnly }
            if policy.deny.contains(where: { $0.text == name }) { access = .denied }
        }
        let inWorkspace = text == "/workspace" || text.hasPrefix("/workspace/")
        return policy.workspace == .readOnly && inWorkspace && access == .writable ? .readOnly : access
    }

    @Test("agrees with an independent model on random nested rules", arguments: 0..<8)
    func againstModel(seed: Int) throws {
        var random = SplitMix(state: UInt64(seed) &+ 1)
        var seen: Set<FilesystemPolicy.Access> = []
        for _ in 0..<300 {
            func some(_ count: Int) throws -> [RulePath] {
                try (0..<count).map { _ in try RulePath(randomPath(&random)) }
            }
            let policy = FilesystemPolicy(
                writable: try some(3), readOnly: try some(3), deny: try some(3),
                workspace: Bool.random(using: &random) ? .readWrite : .readOnly)
            let transitions = policy.transitions
            #expect(transitions.allSatisfy { $0.access != $0.outer })
            for _ in 0..<40 {
                let text = randomPath(&random)
                let nearest = try transitions.last { $0.path.contains(try RulePath(text)) }
                #expect(nearest?.access ?? .denied == model(policy, text), "\(text) under \(policy)")
                let access = policy.decide(try RulePath(text)).access
                seen.insert(access)
                #expect(access == model(policy, text), "\(text) under \(policy)")
            }
        }
        #expect(seen == [.denied, .readOnly, .writable])
    }

    private func randomPath(_ random: inout SplitMix) -> String {
        let names = ["workspace", "a", "ab", "b"]
        let depth = Int.random(in: 0...4, using: &random)
        return depth == 0 ? "/" : (0..<depth).map { _ in "/" + names[Int.random(in: 0..<4, using: &random)] }.joined()
    }
}

/// A small generator with a seed, so that a failure can be repeated. Source: Steele, Lea, Flood, OOPSLA 2014.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
