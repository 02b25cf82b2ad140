// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
package import LinuxSystem

/// A part of this program that reads what a sandbox wrote, and prints what it makes of it: a process of its own, without
/// privilege, which ends with this one.
///
/// It has no capability, an id that nothing else on the host has (in rootless mode one that is mapped nowhere), nothing
/// open but what it is given, and no call that makes a socket, starts a process or signals one. All that comes back is how
/// it ended; the process that started it looks at no byte.
package enum ConfinedReader {
    /// Runs the program again with these arguments and waits for its end.
    ///
    /// - Parameters:
    ///   - arguments: Without the program's name; the first is the verb that confines itself by the rest.
    ///   - input: What it reads from 0.
    ///   - document: What it finds at 3. 1 and 2 are the caller's.
    /// - Returns: Its exit status, or 128+n where signal n ended it.
    package static func run(
        _ arguments: [String], input: borrowing Descriptor, document: borrowing Descriptor
    ) throws(SystemError) -> Int32 {
        // It shares memory with this process until its exec, so no handler may run there; and the id that it has is given
        // back in order when somebody ends this program.
        let signals = Descriptor(owning: Int32(try checked("watch", "signals") { sp_block_signals_and_watch() }))
        let filter = try FilterCompiler.compile(program: "reader", allowed: calls, answered: refusals)
        let program = try Descriptor.open("/proc/self/exe", O_PATH)
        guard Mode.current == .host else {
            return try run(program, arguments, filter, .unmappedCaller, input, document, signals)
        }
        let owner = "reader-\(getpid())"
        let blocks = try IdBlocks.open(HostFile.idRange())
        let block = try blocks.allocate(owner, start: processStartTime(getpid()))
        let status: Int32
        do throws(SystemError) {
            status = try run(program, arguments, filter, .host(id: block.last), input, document, signals)
        } catch {
            try blocks.release(block, of: owner)
            throw error
        }
        try blocks.release(block, of: owner)
        return status
    }

    private static func run(
        _ program: borrowing Descriptor, _ arguments: [String], _ filter: CompiledFilter,
        _ identity: ConfinedProgram.Identity, _ input: borrowing Descriptor, _ document: borrowing Descriptor,
        _ signals: borrowing Descriptor
    ) throws(SystemError) -> Int32 {
        let reader: ConfinedProgram
        do throws(LaunchError) {
            reader = try ConfinedProgram.start(
                program, argv: ["sallyport"] + arguments, environment: [], identity: identity,
                descriptors: [input.number, 1, 2, document.number], filter: filter, openFiles: 16)
        } catch { throw SystemError("start", "the reader at \(error.step)", error.errno, remedy: error.remedy) }
        let pidfd = reader.pidfd.number
        while try checked("wait for", "the reader", { sp_poll_two(pidfd, signals.number) }) & 1 == 0 {
            if ends(sp_next_signal(signals.number)) { reader.kill() }
        }
        var code: Int32 = 0
        var status: Int32 = 0
        try checked("wait for", "the reader") { sp_wait_pidfd(pidfd, &code, &status) }
        return code == CLD_EXITED ? status : 128 + status
    }

    private static func ends(_ signal: Int) -> Bool { [SIGTERM, SIGINT, SIGHUP, SIGQUIT].contains(Int32(signal)) }

    /// Reading and writing what is open, memory, and what a static program does before main: dup3 and execveat place
    /// its descriptors and start it, readlink and openat show the Swift runtime its own path and arguments. Then what it
    /// takes to give the rest up and to see that it is gone; files by Landlock, and another exec by a filter of its own.
    private static let calls = [
        "dup3", "execveat", "execve", "read", "write", "close", "fstat", "newfstatat", "openat", "readlink", "brk",
        "mmap", "fcntl", "munmap", "mprotect", "mremap", "madvise", "exit", "exit_group", "arch_prctl",
        "set_tid_address", "set_robust_list", "rseq", "prlimit64", "getrandom", "futex", "rt_sigaction",
        "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "gettid", "getpid", "sched_getaffinity", "prctl", "capget",
        "getresuid", "getrlimit", "setrlimit", "seccomp", "landlock_create_ruleset", "landlock_restrict_self",
    ]
    /// Asked of standard output at start, to choose its buffering; no is an answer.
    private static let refusals: [(name: String, errno: Int32)] = [("ioctl", ENOTTY)]
}
