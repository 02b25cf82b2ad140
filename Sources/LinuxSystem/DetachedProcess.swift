// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// Starts programs that lead a process session of their own and live on without this process.
package enum DetachedProcess {
    /// - Parameters:
    ///   - path: Opened by the new process itself, so that `/proc/self/exe` is this very program.
    ///   - descriptors: Becomes 0, 1, 2 and so on of the program, which has no other; nil is /dev/null.
    /// - Returns: The number of a child of ours; nobody else's until it is waited for.
    package static func start(
        _ path: String, _ arguments: [String], environment: [String], descriptors: [Int32?]
    ) throws(SystemError) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Ours are close-on-exec and numbered as they came; copies above all targets cannot be in each other's way.
        let held = DescriptorSet()
        let above = Int32(max(64, descriptors.count))
        for (number, from) in descriptors.enumerated() {
            if let from {
                let copy = Int32(try checked("duplicate", "descriptor \(from)") { sp_fdup_above(from, above) })
                held.keep(Descriptor(owning: copy))
                posix_spawn_file_actions_adddup2(&actions, copy, Int32(number))
            } else {
                posix_spawn_file_actions_addopen(&actions, Int32(number), "/dev/null", O_RDWR, 0)
            }
        }
        posix_spawn_file_actions_addclosefrom_np(&actions, Int32(descriptors.count))
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Whoever starts it blocks signals to read them as events, and ignores some; nothing of that is inherited.
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | Int32(POSIX_SPAWN_SETSID)))
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { for word in argv + envp { free(word) } }
        var pid = pid_t()
        let failed = posix_spawn(&pid, path, &actions, &attributes, &argv, &envp)
        guard failed == 0 else { throw SystemError("start", "\"\(path)\"", Errno(failed)) }
        return pid
    }
}
