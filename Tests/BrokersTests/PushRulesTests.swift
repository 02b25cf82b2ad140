// SPDX-License-Identifier: Apache-2.0
import Testing
import Wire
import Workspace

@testable import Brokers

@Suite("rules of a push")
struct PushRulesTests {
    static let ids = (0..<10).map { digit in ObjectID(String(repeating: "\(digit)", count: 40)) }
    static let scope = PushScope("refs/heads/agent/*") ?? .nothing

    @Test(
        "a scope is one branch or the branches of one directory",
        arguments: [
            ("refs/heads/agent/*", PushScope.below("refs/heads/agent/")),
            ("refs/heads/a/b/*", .below("refs/heads/a/b/")),
            ("refs/heads/fix-1", .exactly("refs/heads/fix-1")),
        ])
    func scopes(_ text: String, _ scope: PushScope) {
        #expect(PushScope(text) == scope)
        #expect(PushScope(text)?.text == text)
    }

    @Test(
        "no scope is wider",
        arguments: [
            "", "*", "refs/*", "refs/heads/*", "refs/heads/", "refs/tags/v1", "refs/heads/a/**", "refs/heads/*/b",
            "refs/heads/../tags/*", "refs/heads/a//*", "heads/a", "refs/heads/a*",
        ])
    func wide(_ text: String) { #expect(PushScope(text) == nil) }

    @Test(
        "a name within the scope is taken",
        arguments: ["x", "x/y", "fix-1", "a.b", "v1+2", "fix/#12", "A_b=c,d", "HEAD"])
    func names(_ name: String) { #expect(Self.scope.flaw(of: "refs/heads/agent/\(name)") == nil) }

    @Test(
        "a name outside it, or that something could take for another, is not",
        arguments: [
            "refs/heads/main", "refs/heads/agentx", "refs/heads/agent", "refs/heads/agent/", "refs/tags/v1", "HEAD",
            "refs/heads/agent/../main", "refs/heads/agent//main", "refs/heads/agent/.hidden", "refs/heads/agent/x.lock",
            "refs/heads/agent/x.LOCK/y", "refs/heads/agent/x.", "refs/heads/agent/x./y", "refs/heads/agent/-x",
            "refs/heads/agent/x/-y", "refs/heads/agent/x..y", "refs/heads/agent/x~1", "refs/heads/agent/x^",
            "refs/heads/agent/x:y", "refs/heads/agent/x?", "refs/heads/agent/x*", "refs/heads/agent/[x",
            "refs/heads/agent/x\\y", "refs/heads/agent/x@{1}", "refs/heads/agent/@", "refs/heads/agent/x/",
            "refs/Heads/agent/x", "refs/heads/AGENT/x", "refs/heads/agent/\(String(repeating: "x", count: 201))",
            "refs/heads/agent/" + String(repeating: "abc/", count: 110) + "x",
        ])
    func flaws(_ name: String) { #expect(Self.scope.flaw(of: name) != nil) }

    @Test("one branch is that branch only")
    func exactly() {
        let scope = PushScope.exactly("refs/heads/fix")
        #expect(scope.flaw(of: "refs/heads/fix") == nil)
        #expect(scope.flaw(of: "refs/heads/fix/x") == "only refs/heads/fix may be pushed")
        #expect(scope.flaw(of: "refs/heads/fixx") != nil)
        #expect(PushScope.nothing.flaw(of: "refs/heads/fix") == "this session may not push")
    }

    private func refusals(
        _ commands: [(old: Int?, new: Int?, reference: String)], _ present: [String: Int] = [:]
    ) -> [String]? {
        func id(_ number: Int?) -> ObjectID? { number.flatMap { Self.ids[$0] } }
        let request = PushRequest(
            commands: commands.map {
                PushCommand(old: id($0.old), new: id($0.new), reference: "refs/heads/\($0.reference)")
            },
            capabilities: [])
        let references = present.reduce(into: [String: ObjectID]()) { $0["refs/heads/\($1.key)"] = id($1.value) }
        return PushRules(scope: Self.scope).refusals(of: request, references: references)
    }

    @Test("a new branch, and one that is where the client thinks, may be judged by their history")
    func fine() {
        #expect(refusals([(nil, 1, "agent/a")]) == nil)
        #expect(refusals([(1, 2, "agent/a"), (nil, 3, "agent/b")], ["agent/a": 1, "main": 9]) == nil)
    }

    @Test("one bad command refuses all of them")
    func together() {
        #expect(
            refusals([(nil, 1, "agent/a"), (nil, 1, "main")])
                == [PushRules.refusedWithOthers, "only refs/heads/agent/* may be pushed"])
    }

    @Test("deletion, and a lie about what is there")
    func old() {
        #expect(refusals([(1, nil, "agent/a")], ["agent/a": 1]) == ["a branch may not be deleted"])
        #expect(refusals([(1, nil, "main")], ["main": 1]) == ["only refs/heads/agent/* may be pushed"])
        #expect(refusals([(nil, 2, "agent/a")], ["agent/a": 1]) == ["the branch is not where you think; fetch first"])
        #expect(refusals([(3, 2, "agent/a")], ["agent/a": 1]) == ["the branch is not where you think; fetch first"])
        #expect(refusals([(3, 2, "agent/a")]) == ["there is no such branch any more; fetch first"])
    }

    @Test("a branch and one below it, be it in the repository or in the same push")
    func clashes() {
        let clash = "a branch of this name and one below it cannot both exist"
        #expect(refusals([(nil, 1, "agent/a/b")], ["agent/a": 1]) == [clash])
        #expect(refusals([(nil, 1, "agent/a")], ["agent/a/b": 1]) == [clash])
        #expect(refusals([(nil, 1, "agent/a")], ["agent": 1]) == [clash])
        #expect(refusals([(nil, 1, "agent/a"), (nil, 1, "agent/a/b")]) == [clash, clash])
        #expect(refusals([(nil, 1, "agent/ab")], ["agent/a": 1]) == nil)
    }
}

@Suite("answers to a push")
struct PushReportTests {
    @Test("tells each reference its verdict")
    func plain() {
        let report = PushReport(results: [("refs/heads/agent/a", nil), ("refs/heads/main", "no\nreally\u{e9}")])
        let lines = String(decoding: report.encoded(for: [.reportStatus]), as: UTF8.self)
        #expect(lines == "000eunpack ok\n001aok refs/heads/agent/a\n0023ng refs/heads/main no?really??\n0000")
        #expect(report.isRefusal)
        #expect(report.encoded(for: []).isEmpty)
        #expect(!PushReport(results: [("refs/heads/agent/a", nil)]).isRefusal)
    }

    @Test("wraps it into side bands, with a word for the person when it was refused")
    func bands() throws {
        let report = PushReport(
            unpackFailure: "the pack is damaged", results: [("refs/heads/agent/a", "unpacker error")])
        var rest = report.encoded(for: [.reportStatus, .sideBand64k])[...]
        var bands: [[UInt8]] = []
        while !rest.isEmpty {
            let length = try #require(Int(String(decoding: rest.prefix(4), as: UTF8.self), radix: 16))
            bands.append(Array(rest.prefix(max(4, length)).dropFirst(4)))
            rest = rest.dropFirst(max(4, length))
        }
        #expect(bands.map { $0.first } == [2, 1, nil])
        #expect(Array(bands[1].dropFirst()) == report.encoded(for: [.reportStatus]))
    }

    @Test("offers neither options nor signatures")
    func advertisement() throws {
        let id = try #require(ObjectID(String(repeating: "1", count: 40)))
        let text = String(decoding: Advertisement.encoded(["refs/heads/main": id, "refs/heads/a": id]), as: UTF8.self)
        #expect(text.hasPrefix("001f# service=git-receive-pack\n0000"))
        #expect(text.contains("\(id) refs/heads/a\0report-status"))
        #expect(text.hasSuffix("\(id) refs/heads/main\n0000"))
        for word in ["push-options", "push-cert", "report-status-v2"] { #expect(!text.contains(word)) }
        #expect(
            String(decoding: Advertisement.encoded([:]), as: UTF8.self).contains(
                "\(PushCommand.zeros) capabilities^{}\0"))
    }
}
