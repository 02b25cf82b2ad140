// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

@Suite("tasks whose agent asks a model", .requires(.root), .requires(.git), .requires(.runner), .requires(.python))
struct ModelTaskTests {
    private func profile(_ scene: TaskScene) throws -> String {
        try scene.sallyport.home.file(
            "model-profile.yaml",
            "version: 1\nextends: [build]\nreason: a test\nenvironment: {set: {ANY: \"1\"}}\negress: {rules: []}\n")
    }

    @Test("ledger and totals are in the signed evidence, the key nowhere", .timeLimit(.minutes(5)))
    func evidence() throws {
        let scene = try TaskScene()
        let vendor = try ModelVendor(scene.sallyport.home)
        let command =
            "python3 -c '\(ModelVendor.client)ask(\"chat\", \"say hello\")' && echo fixed > file"
        let done = try scene.task(
            agent: command,
            options: [
                "--profile", try profile(scene), "--model", vendor.file, "--max-budget", "0.50", "--max-turns", "3",
            ])
        try #require(
            done.outcome == "verified", "\(done.finished.errorText)\(text(done.directory + "/work.log") ?? "")")
        let model = try #require(done.evidence?["model"])
        #expect(
            model["turns"] == 1 && model["spent_microusd"] == 300 && model["budget_microusd"] == 500_000, "\(model)")
        #expect(model["max_turns"] == 3)
        #expect(done.evidence?["request"]?["max_budget"] == "0.50")
        let ledger = try #require(text(done.directory + "/work.model.jsonl"))
        #expect(ledger.split(separator: "\n").count == 1 && ledger.contains("\"settled_microusd\":300"), "\(ledger)")
        let agent = try #require(done.evidence?["observed"]?["work"])
        #expect(agent["model"] == model && agent["model_file"] == "work.model.jsonl", "\(agent)")
        #expect(agent["transcript_file"] == "work.model-transcript.jsonl")
        // The commands that check the result get no models.
        #expect(done.evidence?["observed"]?["after"]?["model"] == .null)
        #expect(done.evidence?["observed"]?["after"]?["model_file"] == nil)
        #expect(!names(done.directory).contains { $0.hasPrefix("after.model") })
        let verified = try scene.sallyport.command(["evidence", "verify", done.directory]).run()
        #expect(verified.code == 0, "\(verified.text)\(verified.errorText)")
        #expect(text(done.directory + "/manifest.json")?.contains("\"work.model.jsonl\"") == true)
        let found = try Command("/bin/grep", ["-rlaF", "-D", "skip", vendor.secret, scene.sallyport.home.path]).run()
        #expect(found.lines == [vendor.key])
        #expect(done.finished.text.contains("models    0.0003 USD in 1 answers"), "\(done.finished.text)")
    }

    @Test("limits without models are a misuse", .timeLimit(.minutes(5)))
    func misuse() throws {
        let scene = try TaskScene()
        let done = try scene.failing([
            "--repo", scene.repository, "--task", "x", "--agent-command", "true", "--max-budget", "1",
        ])
        #expect(done.code == 125 && done.errorText.contains("--max-budget and --max-turns need --model"))
    }
}
