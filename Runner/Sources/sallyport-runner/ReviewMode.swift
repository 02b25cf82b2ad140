// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// A review of the tree that lies, read-only, in the workspace: what comes out is one document on descriptor 3.
struct ReviewMode {
    private let options: Options

    private static let longestFindings = 1 << 20

    init(_ options: Options) { self.options = options }

    func run() throws(Failure) -> ExitCode {
        let prompt = try Prompt(file: try options.required("--prompt"), task: options["--task-file"])
        let agent = try Agent(options, prompt: prompt, identifier: try options.required("--task-id"))
        Frames.keepPrivate()
        _ = sp_adopt_orphans()
        let entered = sp_change_directory(options.workspace)
        guard entered == 0 else { throw Failure("cannot enter \(options.workspace): \(errorText(entered))") }
        let succeeded = try agent.run(date: "@0 +0000")
        guard let findings = Prompt.text(of: Agent.findings, longest: Self.longestFindings) else {
            Log.line("the agent left no findings in \(Agent.findings), or more than \(Self.longestFindings) bytes")
            Frames.milestone("nothing_to_deliver")
            return succeeded ? .nothingToDeliver : .agentFailed
        }
        let bytes = Array(findings.utf8)
        let written = bytes.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { characters in
                characters.baseAddress.map { sp_write_all(3, $0, characters.count) } ?? 0
            }
        }
        guard written == 0 else { throw Failure("cannot hand out the findings: \(errorText(written))") }
        Frames.milestone("findings_written")
        return succeeded ? .delivered : .agentFailed
    }
}
