// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

/// A task whose agent waits in the middle of its work until the test says so.
final class PausedTask {
    private let terminal: CallerTerminal
    private let directory: String
    private let fifo = "go-\(UInt32.random(in: 0...UInt32.max))"
    /// A process of the sandbox, as the host numbers it.
    let inside: Int32

    /// Returns when the agent waits.
    ///
    /// - Parameters:
    ///   - before: What it does before, and `after` when it goes on.
    init(
        _ scene: TaskScene, _ arguments: [String], environment: [String: String] = [:], before: String = "true",
        after: String, to directory: String
    ) throws {
        self.directory = directory
        let agent =
            "\(before); mkfifo /tmp/\(fifo); echo 'note the agent waits' >$SALLYPORT_EVENTS; read line </tmp/\(fifo); "
            + after
        var command = scene.sallyport.command(
            ["task", "run"] + arguments + ["--agent-command", agent, "--out", directory])
        command.environment.merge(environment) { $1 }
        terminal = try CallerTerminal(command)
        try terminal.wait(for: "claimed: the agent waits")
        let place = fifo
        inside = try #require(
            names("/proc").compactMap { Int32($0) }.first { access("/proc/\($0)/root/tmp/\(place)", F_OK) == 0 })
    }

    /// Its session's supervisor.
    var supervisor: Int32 {
        get throws {
            var pid = inside
            while text("/proc/\(pid)/comm") != "sallyport\n" {
                pid = try #require(statusField(pid, "PPid").flatMap { Int32($0) })
                try #require(pid > 1)
            }
            return pid
        }
    }

    /// Lets it go on, and waits for the task's end.
    func finish() throws -> (delivery: Delivery, text: String) {
        let fd = open("/proc/\(inside)/root/tmp/\(fifo)", O_WRONLY | O_CLOEXEC)
        try #require(fd >= 0 && write(fd, "\n", 1) == 1)
        close(fd)
        let end = try terminal.finish()
        guard case .exited(let code) = end else { throw HarnessError("the task ended with \(end)") }
        let finished = Finished(ending: .exited(code), output: [], errors: terminal.seen)
        return (try Delivery(finished, directory: directory), terminal.text)
    }
}
