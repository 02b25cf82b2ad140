// SPDX-License-Identifier: Apache-2.0
import Foundation
import TaskModel
import Testing

@Suite("agent presets")
struct AgentPresetTests {
    private static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("profiles/agents")
    private static let least = """
        version: 1
        title: t
        api: openai-chat
        model: m
        prompt: file
        programs: [x]
        command: exec x

        """

    private static func preset(_ text: String, name: String = "x") throws -> AgentPreset {
        try AgentPreset(Array(text.utf8), name: name, file: "x.yaml")
    }

    @Test("every shipped preset is one, names no key, and says whether it was tested")
    func shipped() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.directory.path).sorted()
        let shipped = ["aider", "builtin", "claude-code", "codex", "mini-swe-agent", "openhands"]
        #expect(names == shipped.map { $0 + ".yaml" })
        for name in names {
            let bytes = try Data(contentsOf: Self.directory.appendingPathComponent(name))
            let preset = try AgentPreset(Array(bytes), name: String(name.dropLast(5)), file: name)
            // Our own agent knows where models are, and nothing else of them.
            let asked = name == "builtin.yaml" ? "runner agent --api" : "llm.internal"
            #expect(preset.script().contains(asked), "\(name)")
            #expect(!preset.tested.isEmpty || preset.note != nil, "\(name)")
            for variable in preset.environment where variable.name.hasSuffix("KEY") || variable.name.hasSuffix("TOKEN")
            {
                #expect(variable.value == "none", "\(name)")
            }
        }
    }

    @Test("an agent that speaks several forms is told which")
    func forms() throws {
        let preset = try Self.preset(Self.least + "other_apis: [anthropic-messages]\n")
        #expect(preset.api == .openAIChat && preset.otherAPIs == [.anthropicMessages])
        #expect(preset.script().contains("export SALLYPORT_MODEL_API=openai-chat\n"))
        #expect(preset.script(api: .anthropicMessages).contains("export SALLYPORT_MODEL_API=anthropic-messages\n"))
        #expect(throws: TaskModelError.self) { try Self.preset(Self.least + "other_apis: [morse]\n") }
    }

    @Test("the shell gets variables, files and command, whatever letters are in them")
    func script() throws {
        let preset = try Self.preset(
            Self.least.replacingOccurrences(of: "exec x", with: "cat \"$HOME/.a/it's\" && echo \"$K|$SALLYPORT_MODEL\"")
                .replacingOccurrences(of: "it's", with: "b")
                + "environment: {K: \"a'b $(c)\"}\nfiles: {.a/b: \"x'y\\n$z\"}\n")
        let home = FileManager.default.temporaryDirectory.appendingPathComponent("preset-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: home) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", preset.script(model: "m'n")]
        process.environment = ["HOME": home.path, "PATH": "/usr/bin:/bin"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let said = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0 && said == "x'y\n$za'b $(c)|m'n\n")
    }

    struct Flaw: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let text: String
        let words: String
    }

    static let flaws = [
        Flaw(testDescription: "unknown key", text: least + "comand: y\n", words: "unknown key \"comand\""),
        Flaw(
            testDescription: "unknown api", text: least.replacingOccurrences(of: "openai-chat", with: "openai"),
            words: "Known here: anthropic-messages"),
        Flaw(
            testDescription: "other version", text: least.replacingOccurrences(of: "version: 1", with: "version: 2"),
            words: "version is not 1"),
        Flaw(
            testDescription: "no command", text: least.replacingOccurrences(of: "command: exec x", with: ""),
            words: "missing"),
        Flaw(testDescription: "a path that climbs", text: least + "files: {../x: y}\n", words: "no path below $HOME"),
        Flaw(
            testDescription: "a path from the root", text: least + "files: {/etc/x: y}\n", words: "no path below $HOME"),
        Flaw(
            testDescription: "a variable that is none", text: least + "environment: {\"A=B\": y}\n",
            words: "no name of a variable"),
        Flaw(
            testDescription: "a program with a path",
            text: least.replacingOccurrences(of: "[x]", with: "[\"/bin/x; y\"]"),
            words: "no name of a program"),
        Flaw(testDescription: "no program", text: least.replacingOccurrences(of: "[x]", with: "[]"), words: "empty"),
    ]

    @Test("a flaw is one error with its place", arguments: flaws)
    func refusals(_ flaw: Flaw) throws {
        _ = try Self.preset(Self.least)
        let error = #expect(throws: TaskModelError.self) { _ = try Self.preset(flaw.text) }
        #expect(error?.description.contains(flaw.words) == true, "\(error?.description ?? "")")
        #expect(error?.description.contains("x.yaml") == true)
    }
}
