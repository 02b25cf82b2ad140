// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// Agents by name: looked for, installed, run.
@Suite("agents by name", .timeLimit(.minutes(25)))
struct AgentTests {
    private static let preset = """
        version: 1
        title: mends the file
        api: openai-chat
        model: m
        prompt: stdin
        programs: [fixer, sh]
        install_profile: build
        files: {.fixer/word: fixed}
        command: exec fixer "$SALLYPORT_MODEL"
        install: |-
          mkdir bin
          printf '#!/bin/sh\\ngrep -q "Fix the file" && cat "$HOME/.fixer/word" >file && echo "$1" >model\\n' >bin/fixer
          chmod 755 bin/fixer
        """

    @Test(
        "an agent that is not there is named with the remedy, installed in a sandbox, and does a task that can be repeated",
        .requires(.root), .requires(.git), .requires(.runner))
    func whole() throws {
        let scene = try TaskScene()
        let file = try scene.sallyport.home.file("fixer.yaml", Self.preset)
        func agent(_ arguments: String...) throws -> Finished {
            try scene.sallyport.command(["agent"] + arguments).run()
        }
        let missing = try agent("check", file, "--json")
        let before = try JSONParser.parse(missing.output)
        #expect(missing.code == 1 && before["missing"] == ["fixer"], "\(missing.errorText)")
        #expect(before["remedy"]?.stringValue?.hasPrefix("Get it with: sallyport agent install fixer.") == true)
        let installed = try agent("install", file)
        #expect(installed.code == 0, "\(installed.errorText)")
        #expect(names(scene.sallyport.state + "/agents") == ["fixer"])
        #expect(try agent("check", file).code == 0)
        // Once more takes the place of what was there.
        #expect(try agent("install", file).code == 0 && names(scene.sallyport.state + "/agents") == ["fixer"])

        let directory = scene.sallyport.home.at("delivered")
        let arguments = [
            "task", "run", "--repo", scene.repository, "--task", "Fix the file", "--agent", file, "--agent-model", "n",
            "--test-command", TaskScene.test, "--out", directory,
        ]
        let done = try Delivery(try scene.sallyport.command(arguments).run(), directory: directory)
        #expect(done.outcome == "verified", "\(done.finished.errorText)")
        #expect(done.evidence?["request"]?["agent"] == "fixer")
        #expect(try scene.git(done.repository, "show", "\(done.branch ?? ""):model") == "n")
        let again = try scene.sallyport.command(["reproduce", directory]).run()
        #expect(again.code == 0 && again.text.contains("plan        equal"), "\(again.text)\(again.errorText)")
    }

    @Test(
        "files of the operator's are where the agent looks for them, and what is no business of a sandbox is refused",
        .requires(.root), .requires(.git), .requires(.runner))
    func files() throws {
        let scene = try TaskScene()
        let home = scene.sallyport.home
        let file = try home.file(
            "reader.yaml",
            """
            version: 1
            title: reads its files
            api: openai-chat
            model: m
            prompt: file
            programs: [sh]
            files: {.reader/word: broken, .reader/other: x}
            command: cat "$HOME/.reader/word" >file; cat "$HOME/.reader/other" "$HOME/.mcp.json" >more
            """)
        for directory in ["given", "given/.reader"] { try home.directory(directory) }
        try home.file("given/.reader/word", "fixed\n")
        try home.file("given/.mcp.json", "{\"mcpServers\": {\"it's\": {\"command\": \"true\"}}}")
        let directory = home.at("delivered")
        let arguments = ["task", "run", "--repo", scene.repository, "--task", "x", "--agent", file, "--agent-files"]
        let end = try scene.sallyport.command(
            arguments + [home.at("given"), "--test-command", TaskScene.test, "--out", directory]
        ).run()
        let done = try Delivery(end, directory: directory)
        #expect(done.outcome == "verified", "\(end.errorText)")
        let more = try scene.git(done.repository, "show", "\(done.branch ?? ""):more")
        #expect(more == "x{\"mcpServers\": {\"it's\": {\"command\": \"true\"}}}")

        func refusal() throws -> String {
            let end = try scene.failing(Array(arguments.dropFirst(2)) + [home.at("given")])
            #expect(end.code == 125)
            return end.errorText
        }
        try home.file("given/token", "ghp_" + "aZ3kQ9xW5mB7vN2cL8pR4tY6uH0jD1fGsEoa\n")
        #expect(try refusal().contains("looks like a credential"))
        try home.file("given/token", bytes: [0xFF])
        #expect(try refusal().contains("it is no text"))
        try home.file("given/token", String(repeating: "x", count: 50_000))
        #expect(try refusal().contains("more than 64 files or 48000 bytes"))
        #expect(try Command("/bin/ln", ["-sf", "/etc/shadow", home.at("given/token")]).run().code == 0)
        #expect(try refusal().contains("it is no file"))
    }

    @Test("an installation that fails leaves nothing", .requires(.root), .requires(.runner))
    func failing() throws {
        let scene = try TaskScene()
        for (commands, words) in [("exit 3", "ended with"), ("mkdir bin", "there is no bin/fixer")] {
            let text = Self.preset.prefix { $0 != "|" } + "\"\(commands)\"\n"
            let file = try scene.sallyport.home.file("fixer.yaml", String(text))
            let end = try scene.sallyport.command(["agent", "install", file]).run()
            #expect(end.code == 125 && end.errorText.contains(words), "\(end.errorText)")
            #expect(names(scene.sallyport.state + "/agents").isEmpty)
        }
    }

    @Test("what is shipped is listed, and what is not is one error", .requires(.root))
    func list() throws {
        let scene = try TaskScene()
        let listed = try scene.sallyport.command(["agent", "list"]).run()
        #expect(listed.code == 0 && listed.lines.contains { $0.hasPrefix("codex") && $0.contains("untested") })
        #expect(listed.lines.contains { $0.hasPrefix("aider") && $0.contains("tested 0.86.2") })
        let unknown = try scene.sallyport.command(["agent", "check", "nobody"]).run()
        #expect(unknown.code == 125 && unknown.errorText.contains("no preset of this name"), "\(unknown.errorText)")
        let both = try scene.failing([
            "--repo", scene.repository, "--task", "x", "--agent", "aider", "--agent-command", "true",
        ])
        #expect(both.code == 125 && both.errorText.contains("exclude each other"), "\(both.errorText)")
    }
}
