// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// The tools of the built-in agent, in the current directory.
///
/// They protect nothing: what they do, `run` could do. That they stay in the clone keeps a model from mistaking a path.
struct AgentTools {
    /// The absolute path of the clone.
    let top: String

    init() throws(Failure) {
        var buffer = [CChar](repeating: 0, count: 4096)
        let result = buffer.withUnsafeMutableBufferPointer { sp_current_directory($0.baseAddress!, $0.count) }
        guard result >= 0 else { throw Failure("cannot name the current directory: \(errorText(result))") }
        top = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// - Parameter call: Its arguments fit the tool's schema.
    func use(_ call: ToolCall) -> ToolResult {
        switch call.name {
        case "read": read(call)
        case "write": write(call)
        case "edit": edit(call)
        case "list": list(call)
        case "search": search(call)
        case "run": run(call)
        default: .failed("there is no such tool")
        }
    }

    func string(_ name: String, of call: ToolCall) -> String? { call[name]?.string }

    /// - Returns: Nil where the number is out of its range.
    func number(_ name: String, of call: ToolCall, _ range: ClosedRange<Int>, default value: Int) -> Int? {
        guard let given = call[name], !given.isNull else { return value }
        return given.int.flatMap { range.contains($0) ? $0 : nil }
    }

    // MARK: Run

    private static let timeouts = 1...600

    private func run(_ call: ToolCall) -> ToolResult {
        guard let command = string("command", of: call), !command.utf8.contains(0) else {
            return .failed("the command has a zero byte in it")
        }
        guard let seconds = number("timeout_seconds", of: call, Self.timeouts, default: 120) else {
            return .failed("timeout_seconds is from 1 to 600")
        }
        var ends: [Int32] = [-1, -1]
        let made = ends.withUnsafeMutableBufferPointer { sp_make_pipe($0.baseAddress!) }
        guard made >= 0 else { return .failed("cannot make a pipe: \(errorText(made))") }
        defer { for end in ends { sp_close(end) } }
        let shell = Command.shell(
            command,
            environment: Environment.without(prefix: "GIT_PAGER=") + ["GIT_PAGER=cat", "PAGER=cat", "TERM=dumb"])
        var output = BoundedOutput()
        let end: sp_end
        do throws(Failure) {
            end = try shell.watch(ends, timeout: Int64(seconds) * 1000) { output.append($0[...]) }
        } catch {
            return .failed(error.message)
        }
        var text = output.text
        if !text.isEmpty, text.utf8.last != 0x0A { text += "\n" }
        if end.timed_out != 0 { return .failed(text + "[ended after \(seconds) s]") }
        if end.signal != 0 { return ToolResult(text + "[ended by signal \(end.signal)]") }
        return ToolResult(text + "[exit status \(end.exit_code)]")
    }
}

extension Command {
    /// Runs it with both of its outputs on a pipe. The writing end stays open here: only the end of the command counts, and a
    /// pipe without writers would wake us for nothing until then.
    func watch(_ ends: [Int32], timeout: Int64, take: (ArraySlice<UInt8>) -> Void) throws(Failure) -> sp_end {
        var how = sp_start()
        how.standard_output = ends[1]
        how.joins_errors = 1
        let child = begin(how)
        guard child > 0 else { throw Failure("cannot run \(arguments[0]): \(errorText(child))") }
        let deadline = sp_milliseconds() + timeout
        var buffer = [CChar](repeating: 0, count: 64 << 10)
        var came = 0
        repeat {
            came = buffer.withUnsafeMutableBufferPointer {
                sp_await(Int32(child), ends[0], $0.baseAddress!, $0.count, deadline)
            }
            if came > 0 { take(buffer[..<came].map { UInt8(bitPattern: $0) }[...]) }
        } while came > 0
        var end = sp_end()
        let finished = sp_finish(Int32(child), came < 0 ? 1 : 0, &end)
        guard finished >= 0 else { throw Failure("cannot wait for \(arguments[0]): \(errorText(finished))") }
        return end
    }
}
