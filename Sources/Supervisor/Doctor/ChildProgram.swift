// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// A program that runs with the caller's own rights and is waited for; for our own programs only.
struct ChildProgram {
    let path: String
    let arguments: [String]
    let environment: [String]
    /// What it finds at 0, 1 and 2.
    let standard: [Int32]

    /// Runs it to its end: the exit status, or 128 and the signal's number.
    func run() throws(SystemError) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, fd) in standard.enumerated() { posix_spawn_file_actions_adddup2(&actions, fd, Int32(number)) }
        // This process has its signals blocked; the program starts with none.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var pid: pid_t = 0
        var argv = ([path] + arguments).map { strdup($0) } + [nil]
        var envp = environment.map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        let failed = posix_spawn(&pid, path, &actions, &attributes, &argv, &envp)
        guard failed == 0 else { throw SystemError("start", "program \"\(path)\"", Errno(failed)) }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 {
            guard errno == EINTR else { throw SystemError("wait for", "program \"\(path)\"", Errno(errno)) }
        }
        return sp_exited(status) != 0 ? sp_exit_code(status) : 128 + sp_term_signal(status)
    }
}
