// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// Runs this very program again for a part of the work that confines itself, and waits for it.
enum Spawn {
    /// - Parameter outputToError: its standard output becomes our standard error, where a run's own output must not go.
    /// - Returns: its exit status, or 125 when it was ended by a signal.
    static func again(_ arguments: [String], outputToError: Bool = false) throws(SystemError) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if outputToError { posix_spawn_file_actions_adddup2(&actions, 2, 1) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A run blocks every signal; what it starts afterwards does not inherit that.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let words = ["sallyport"] + arguments
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for word in argv { free(word) } }
        var pid = pid_t()
        let result = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, &argv, Glibc.environ)
        guard result == 0 else { throw SystemError("start", "\"sallyport \(arguments.first ?? "")\"", Errno(result)) }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 {
            guard Glibc.errno == EINTR else { throw SystemError("wait for", "process \(pid)", Errno(Glibc.errno)) }
        }
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 125
    }
}
