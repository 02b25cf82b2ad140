// SPDX-License-Identifier: Apache-2.0
import Testing

/// The checks of `CommandDocsTests` are worth what the scanner finds; these feed it known text.
@Suite("command scanner")
struct CommandScannerTests {
    static let page = Markdown(
        """
        Run `sallyport doctor` or `scripts/check --long`, never `sallyport` alone; `--diff` shows.

        ```
        $ sallyport run --limit=memory=1GiB --diff -- make --jobs
        sallyport: refused system calls: unshare x1
        $ build/sallyport session apply s-1 --accept-flagged
        scripts/demo
        ```
        See [the table](docs/a.md#rows) and [elsewhere](https://example.org/).

        | one | `two` |
        """)

    @Test("finds calls in prose and in blocks, and no output")
    func calls() {
        #expect(
            CommandScanner.calls(Self.page) == [
                .init(line: 4, verb: ["run"], flags: ["--limit", "--diff"]),
                .init(line: 6, verb: ["session", "apply"], flags: ["--accept-flagged"]),
                .init(line: 1, verb: ["doctor"], flags: []),
            ])
    }

    @Test("finds scripts and options that stand by themselves")
    func scripts() {
        #expect(
            CommandScanner.scripts(Self.page) == [
                .init(line: 7, path: "scripts/demo", flags: []),
                .init(line: 1, path: "scripts/check", flags: ["--long"]),
            ])
        #expect(CommandScanner.loneFlags(Self.page) == [.init(line: 1, text: "--diff")])
    }

    @Test("finds links of this repository and the cells of a row")
    func links() {
        #expect(Self.page.links == [.init(line: 9, text: "docs/a.md")])
        #expect(Self.page.rows.map(\.cells) == [["one", "`two`"]])
    }
}

@Suite("test names")
struct TestNamesTests {
    static let source = """
        @Suite("a")
        struct LimitTests {
            func helper() {}
            @Test("first") func one() {}
            @Test("second", arguments: [1])
            func two(_ n: Int) {}
        }
        """

    @Test("are those of functions that are tests")
    func found() {
        #expect(TestNames.names(in: Self.source) == ["LimitTests/one", "LimitTests/two"])
        #expect(TestNames.isName("LimitTests/one"))
        #expect(!TestNames.isName("Tests/TestSupport") && !TestNames.isName("LimitTests"))
    }
}
