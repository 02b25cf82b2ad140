// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// An agent that reads the tree that lies, read-only, in the workspace: what comes out is one document on descriptor 3.
struct DocumentMode {
    enum Document {
        case plan, findings

        /// What whoever writes it is.
        var role: String { if case .plan = self { "plan" } else { "review" } }
        /// Where the agent leaves it.
        var file: String { if case .plan = self { Agent.plan } else { Agent.findings } }
        fileprivate var noun: String { if case .plan = self { "plan" } else { "findings" } }
        /// One byte more than it may have is taken along, so that the host sees that it is too long.
        fileprivate var longest: Int { if case .plan = self { (32 << 10) + 1 } else { 1 << 20 } }
    }

    private let options: Options
    private let document: Document

    init(_ document: Document, _ options: Options) {
        self.document = document
        self.options = options
    }

    func run() throws(Failure) -> ExitCode {
        let prompt = try Prompt(file: try options.required("--prompt"), task: options["--task-file"])
        let agent = try Agent(
            options, prompt: prompt, identifier: try options.required("--task-id"), role: document.role)
        Frames.keepPrivate()
        _ = sp_adopt_orphans()
        let entered = sp_change_directory(options.workspace)
        guard entered == 0 else { throw Failure("cannot enter \(options.workspace): \(errorText(entered))") }
        let succeeded = try agent.run(date: "@0 +0000")
        guard let text = Prompt.text(of: document.file, longest: document.longest) else {
            Log.line("the agent left no \(document.noun) in \(document.file), or more than \(document.longest) bytes")
            Frames.milestone("nothing_to_deliver")
            return succeeded ? .nothingToDeliver : .agentFailed
        }
        let bytes = Array(text.utf8)
        let written = bytes.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { characters in
                characters.baseAddress.map { sp_write_all(3, $0, characters.count) } ?? 0
            }
        }
        guard written == 0 else { throw Failure("cannot hand out the \(document.noun): \(errorText(written))") }
        Frames.milestone("\(document.noun)_written")
        return succeeded ? .delivered : .agentFailed
    }
}
