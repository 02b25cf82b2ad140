// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

/// Holds the commands that README.md and docs/ show against what the programs of this build know.
@Suite("commands in the documentation")
struct CommandDocsTests {
    let tree = SourceTree()
    let pages: [(path: String, page: Markdown)]

    init() throws {
        pages = try tree.pages()
    }

    /// The help of a verb, after a look that it is this verb's.
    private func help(_ verb: [String]) throws -> String {
        var command = Command(Executables.sallyport, verb + ["--help"])
        command.environment["SALLYPORT_STATE_DIR"] = "/nonexistent"
        let finished = try command.run()
        try #require(finished.code == 0, "sallyport \(verb.joined(separator: " ")) --help: \(finished.errorText)")
        let usage = try #require(finished.lines.first { $0.hasPrefix("usage: ") })
        for word in verb { #expect(usage.contains(word), "\"\(verb.joined(separator: " "))\" is not in: \(usage)") }
        return finished.text
    }

    private func knows(_ help: String, _ flag: String) -> Bool {
        help.split { !($0.isLetter || $0 == "-") }.contains { $0 == flag }
    }

    @Test("README.md shows each everyday verb", arguments: ["run", "task run", "collect", "session", "doctor"])
    func verbs(_ verb: String) throws {
        let readme = try #require(pages.first { $0.path == "README.md" })
        let shown = CommandScanner.calls(readme.page).map { $0.verb.joined(separator: " ") }
        #expect(shown.contains { $0.hasPrefix(verb) }, "\(shown)")
    }

    @Test("every verb and option that a page shows is known to the verb's own help")
    func calls() throws {
        var helps: [[String]: String] = [:]
        var seen = 0
        for (path, page) in pages {
            for call in CommandScanner.calls(page) {
                let text = try helps[call.verb] ?? help(call.verb)
                helps[call.verb] = text
                for flag in call.flags where flag != "--help" && flag != "--version" {
                    let name = call.verb.joined(separator: " ")
                    #expect(knows(text, flag), "\(path):\(call.line): sallyport \(name) has no \(flag)")
                }
                seen += 1
            }
        }
        // Without this, a scanner that finds nothing would pass.
        #expect(seen > 10)
    }

    @Test("an option that prose names alone belongs to some verb")
    func loneFlags() throws {
        let verbs = [
            ["run"], ["task", "run"], ["task", "repository"], ["collect"], ["session"], ["session", "shell"],
            ["profile", "show"],
            ["profile", "filter"],
            ["profile", "learn"],
            ["profile", "simulate"], ["doctor"], ["sweep"],
            ["pool"], ["evidence"], ["reproduce"], ["submit"], ["events"], ["list"], ["onboard"], ["blueprint"],
            ["blueprint", "step"],
        ]
        let all = try verbs.map { try help($0) }.joined(separator: "\n")
        #expect(!knows(all, "--no-such-option"))
        for (path, page) in pages {
            for flag in CommandScanner.loneFlags(page) {
                #expect(knows(all, flag.text), "\(path):\(flag.line): no verb has \(flag.text)")
            }
        }
    }

    @Test("every script that a page shows exists and knows the options given to it")
    func scripts() throws {
        var seen = 0
        for (path, page) in pages {
            for call in CommandScanner.scripts(page) where !tree.isDirectory(call.path) {
                let text = try tree.text(of: call.path)
                for flag in call.flags {
                    #expect(knows(text, flag), "\(path):\(call.line): \(call.path) has no \(flag)")
                }
                seen += 1
            }
        }
        #expect(seen > 3)
    }
}
