// SPDX-License-Identifier: Apache-2.0
import Documents
import Testing

@testable import Delivery

@Suite("pull request text")
struct PullRequestTextTests {
    private var text: PullRequestText {
        PullRequestText(
            task: "t1", subject: "Fix the parser", issue: 3, base: String(repeating: "a", count: 40),
            commit: String(repeating: "b", count: 40), branch: "sallyport/t1/fix",
            commits: ["second", "first @all <b>"],
            files: [(path: "a.c", insertions: 2, deletions: 1)], fileCount: 1,
            checks: [.init(name: "test", command: "make test", before: "failed", after: "passed")], outcome: "verified",
            warning: nil, promptVersion: "0123456789ab", profile: "build",
            planDigest: String(repeating: "c", count: 64),
            claimed: "All good!\n## Verification\n[x](http://evil) ![i](http://evil/p.png)")
    }

    @Test("it says what changed, why, how to verify, what was verified, how to go back, and where the evidence is")
    func parts() {
        var text = text
        #expect(text.body.contains("evidence: not sealed yet"))
        text.evidence = "feed"
        for part in [
            "## What changed\n\n- second\n", "a.c | +2 -1", "## Why\n\nFix the parser (issue 3)", "    make test\n",
            "| test | failed | passed |", "git revert --no-edit \(text.base)..\(text.commit)", "evidence sha256 feed",
            "prompt 0123456789ab", "Outcome: verified.",
        ] {
            #expect(text.body.contains(part), "\(part) is not in:\n\(text.body)")
        }
    }

    @Test("it says how carefully to look, and why")
    func risk() {
        var text = text
        #expect(!text.body.contains("Risk:"))
        text.risk = ChangeRisk(["delivered": ["files": 1, "paths": ["src/<b>/auth.c"]], "checks": []])
        #expect(
            text.body.contains(
                "Risk: high (what reads like credentials, rights or cryptography: src/&#60;b&#62;/auth.c; "
                    + "nothing was run to check it)."), "\(text.body)")
    }

    @Test("words of the agent stay words: quoted, marked, no heading, link, image or mention")
    func claimed() {
        let body = text.body
        #expect(text.title == "first @all <b>" && body.contains("- first &#64;all &#60;b&#62;\n"))
        #expect(body.contains("(claimed, not checked)\n\n> All good!\n> &#35;&#35; Verification\n"))
        #expect(body.contains("> \\[x\\](http&#58;//evil) !\\[i\\]"))
        #expect(body.components(of: "\n## Verification").count == 2)
        #expect(!body.contains("@all") && !body.contains("<b>"))
    }

    @Test("controls and direction marks become visible, long text is cut")
    func controls() {
        #expect(Quoted.line("a\u{1B}[2J\u{202E}b\r\n") == "a\u{FFFD}\\[2J\u{FFFD}b\u{FFFD}\u{FFFD}")
        #expect(Quoted.line(String(repeating: "x", count: 400)).utf8.count == 303)
        #expect(Quoted.lines(String(repeating: "y\n", count: 200)).split(separator: "\n").count == 100)
        #expect(Quoted.block("a\n```\n\u{7}") == "    a\n    ```\n    \u{FFFD}\n")
    }

    @Test("what a header, an address or a key's lines say is a credential is blanked, however it was chosen")
    func blanked() {
        let word = "correct-horse-battery"
        let key = "-----BEGIN PRIVATE KEY-----\n\(word)\n-----END PRIVATE KEY-----"  // not a secret
        for text in ["Authorization: Bearer \(word)", "see postgres:\u{2F}/app:\(word)@db.example/x", "a\n\(key)\nb"] {
            #expect(!Quoted.line(text).contains("horse") && !Quoted.title(text).contains("horse"), "\(text)")
            #expect(!Quoted.lines(text).contains("horse") && !Quoted.block(text).contains("horse"), "\(text)")
        }
        #expect(Quoted.line("the \(word) stays") == "the \(word) stays")
    }

    @Test("without a command the text says that nothing was run")
    func nothingRun() {
        var text = text
        text.checks = []
        text.claimed = nil
        #expect(text.body.contains("Nothing was run") && !text.body.contains("claimed"))
    }
}

extension String {
    fileprivate func components(of separator: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}
