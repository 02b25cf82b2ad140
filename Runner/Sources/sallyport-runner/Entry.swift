// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// How the runner ends; the host reads it as a claim, and looks at the delivered bundle itself.
enum ExitCode: Int32 {
    case delivered = 0
    case usage = 2
    case nothingToDeliver = 3
    case agentFailed = 4
    case infrastructure = 5
    /// There was a clone and there is none any more: whatever was done is gone.
    case lost = 6
    /// `verify` could not come to the point of starting the test.
    case cannotVerify = 125
}

/// Why the runner cannot go on, in one sentence for the session's log.
struct Failure: Error {
    let code: ExitCode
    let message: String

    init(_ message: String, code: ExitCode = .infrastructure) {
        self.code = code
        self.message = message
    }
}

/// SwiftPM renames the C `main` of an executable target to `<target>_main`.
@c(sallyport_runner_main)
public func entry(_ count: Int32, _ values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
    var arguments: [String] = []
    for index in 1..<max(1, Int(count)) {
        if let value = values[index] { arguments.append(String(cString: value)) }
    }
    sp_ignore_broken_pipes()
    do throws(Failure) {
        return try run(arguments)
    } catch {
        Log.line(error.message)
        Frames.note(error.message)
        return error.code.rawValue
    }
}

private func run(_ arguments: [String]) throws(Failure) -> Int32 {
    guard let mode = arguments.first else { throw Failure(usage, code: .usage) }
    let rest = Array(arguments.dropFirst())
    switch mode {
    case "task":
        var task = try TaskMode(try Options(rest, mode: mode))
        return try task.run().rawValue
    case "plan": return try DocumentMode(.plan, try Options(rest, mode: mode)).run().rawValue
    case "review": return try DocumentMode(.findings, try Options(rest, mode: mode)).run().rawValue
    case "verify": return try VerifyMode(try Options(rest, mode: mode)).run().rawValue
    case "measure": return try MeasureMode(try Options(rest, mode: mode)).run()
    case "agent": return try AgentMode(try Options(rest, mode: mode)).run().exitCode
    case "frame": return try Frames.writeOne(rest).rawValue
    default: throw Failure(usage, code: .usage)
    }
}

private let usage = """
    usage: sallyport-runner task --source DIR --base COMMIT --branch NAME --task-id ID --prompt FILE AGENT
               [--origin URL] [--task-file FILE] [--prompt-version ID] [--evidence DIGEST] [--setup-command CMD] [--build-command CMD]
               [--lint-command CMD] [--test-command CMD] [--test-timeout SECONDS] [--workspace DIR] [--start COMMIT]
           sallyport-runner plan|review --task-id ID --prompt FILE AGENT [--task-file FILE] [--workspace DIR]
           sallyport-runner verify --source DIR --commit COMMIT --test-command CMD [--setup-command CMD]
               [--build-command CMD] [--workspace DIR]
           sallyport-runner measure --source DIR --commit COMMIT --measure-command CMD [--setup-command CMD]
               [--build-command CMD] [--workspace DIR]
           sallyport-runner agent --api anthropic-messages|openai-chat --model NAME [--prompt FILE] [--turns NUMBER]
               [--context-tokens NUMBER] [--output-tokens NUMBER]
           sallyport-runner frame TYPE [KEY=VALUE]...
    AGENT: --agent-command CMD | --agent-script FILE, [--prompt-by file|stdin|argument] [--agent-timeout SECONDS]
           [--agent-turns NUMBER]
    """

/// Lines of the runner's own in the session's error output.
enum Log {
    static func line(_ text: String) {
        let bytes = Array(("sallyport-runner: " + text + "\n").utf8)
        bytes.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { characters in
                guard let start = characters.baseAddress else { return }
                _ = sp_write_all(2, start, characters.count)
            }
        }
    }
}
