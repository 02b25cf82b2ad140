// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// How a program ended, as waitid saw it.
package enum Ending: Equatable, Sendable, CustomStringConvertible {
    case exited(Int32)
    case signalled(Int32)

    package var description: String {
        switch self {
        case .exited(let code): "exit code \(code)"
        case .signalled(let number): "signal \(number)"
        }
    }
}

/// What a finished program left.
package struct Finished: Sendable {
    package let ending: Ending
    package let output: [UInt8]
    package let errors: [UInt8]

    package init(ending: Ending, output: [UInt8], errors: [UInt8]) {
        self.ending = ending
        self.output = output
        self.errors = errors
    }

    package var text: String { String(decoding: output, as: UTF8.self) }
    package var errorText: String { String(decoding: errors, as: UTF8.self) }
    package var lines: [String] { text.split(separator: "\n").map(String.init) }
    /// The code of a program that exited; nil for one that a signal ended.
    package var code: Int32? { if case .exited(let code) = ending { code } else { nil } }
}

/// A program to start, with everything that it gets: nothing is taken from the tests' own environment.
package struct Command: Sendable {
    package var path: String
    package var arguments: [String]
    package var environment: [String: String] = ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    package var input: [UInt8] = []
    package var directory: String?
    /// Further descriptors: the child's number on the left, ours on the right.
    package var descriptors: [Int32: Int32] = [:]
    /// Longest wait for the program and for the end of its output.
    package var deadline: Duration = .seconds(60)

    package init(_ path: String, _ arguments: [String] = []) {
        self.path = path
        self.arguments = arguments
    }

    /// Runs to the end.
    package func run() throws(HarnessError) -> Finished {
        let running = try start()
        try running.send(input)
        running.closeInput()
        return try running.finish()
    }

    /// Starts and leaves standard input open.
    package func start() throws(HarnessError) -> Running {
        var ends: [[Int32]] = []
        for _ in 0..<3 {
            var pair: [Int32] = [-1, -1]
            let made = pair.withUnsafeMutableBufferPointer { sp_pipe($0.baseAddress!, 0) }
            guard made >= 0 else { throw HarnessError("make a pipe for", path, Int32(-made)) }
            ends.append(pair)
        }
        defer {
            for fd in [ends[0][0], ends[1][1], ends[2][1]] { _ = sp_close(fd) }
        }
        let pid = try spawn(standard: [ends[0][0], ends[1][1], ends[2][1]])
        let pidfd = sp_pidfd_open(pid)
        guard pidfd >= 0 else { throw HarnessError("watch", path, Int32(-pidfd)) }
        return Running(
            name: ([path] + arguments).joined(separator: " "), pid: pid, pidfd: Int32(pidfd), input: ends[0][1],
            output: ends[1][0], errors: ends[2][0], deadline: ContinuousClock.now + deadline)
    }

    private func spawn(standard: [Int32]) throws(HarnessError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, fd) in standard.enumerated() { posix_spawn_file_actions_adddup2(&actions, fd, Int32(number)) }
        for (number, fd) in descriptors { posix_spawn_file_actions_adddup2(&actions, fd, number) }
        if let directory { posix_spawn_file_actions_addchdir_np(&actions, directory) }
        // The tests' runner may block signals; a program under test starts with none blocked or ignored.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var pid: pid_t = 0
        var argv = ([path] + arguments).map { strdup($0) } + [nil]
        var envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        let failed = posix_spawn(&pid, path, &actions, &attributes, &argv, &envp)
        guard failed == 0 else { throw HarnessError("start", path, failed) }
        return pid
    }
}
