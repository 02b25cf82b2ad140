// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
package import LinuxSystem

extension Doctor {
    /// How the escape probes of one sandbox came out.
    package enum AttackResult: Sendable, Equatable {
        /// Exit status of the posture reader, which has printed what it read.
        case read(Int32)
        /// There is nothing to read.
        case failed(String)
    }

    /// Runs the escape probes in a sandbox under the profile, and has what they say read by a program without
    /// privilege that writes to standard output.
    ///
    /// This process never looks at a byte of the report: it moves from the session's pipe into a file in memory unread,
    /// and all that comes back is an exit status. docs/decisions/2026-11-21-doctor-attack.md
    ///
    /// - Parameter reader: the reader's command line, without its name.
    package func attack(reader: [String]) throws(SystemError) -> AttackResult {
        let probe = programs.directory + "/sp-probe"
        _ = Descriptor(owning: Int32(try checked("block", "signals") { sp_block_signals_and_watch() }))
        try paths.prepare()
        let report = Descriptor(owning: Int32(try checked("create", "a memory file") { sp_memfd("report") }))
        let list = Descriptor(owning: Int32(try checked("create", "a memory file") { sp_memfd("list") }))
        let null = try Descriptor.open("/dev/null", O_RDWR)
        // The list comes from the same file, but outside: what the sandbox leaves out is then missed.
        let listed = try ChildProgram(
            path: probe, arguments: ["list"], environment: [], standard: [null.number, list.number, null.number]
        ).run()
        guard listed == 0 else { return .failed("\"\(probe)\" has no list of its probes (exit status \(listed))") }
        let trial = Trial(self)
        let run = try trial.inScratch { path throws(SystemError) in
            try trial.run(
                record: path + "/record.json", options: ["--mount", "\(probe):/run/probe/sp-probe"],
                command: ["/run/probe/sp-probe", "all"], output: report.number)
        }
        guard run.outcome == "exited" else {
            return .failed(
                run.error ?? "the session under attack ended with \"\(run.outcome)\", exit status \(run.status)")
        }
        return .read(try read(report, list, reader))
    }

    private func read(_ report: borrowing Descriptor, _ list: borrowing Descriptor, _ arguments: [String])
        throws(SystemError) -> Int32
    {
        for fd in [report.number, list.number] {
            try checked("rewind", "a memory file") { Int(lseek(fd, 0, SEEK_SET)) }
        }
        // Opened here and executed by descriptor: the reader's id need not be able to reach the path.
        let program = try Descriptor.open(programs.directory + "/sallyport", O_RDONLY | O_NOFOLLOW)
        let filter = try FilterCache(paths).filter(
            program: "posture-reader", allowed: Self.readerCalls, answered: Self.readerRefusals)
        var block: IdBlock?
        let owner = "doctor-\(getpid())"
        if mode == .host { block = try IdBlocks.open(HostFile.idRange()).allocate(owner, start: processStartTime(getpid())) }
        let confined: ConfinedProgram
        do throws(LaunchError) {
            confined = try ConfinedProgram.start(
                program, argv: ["sallyport"] + arguments, environment: [],
                identity: block.map { .host(id: $0.last) } ?? .caller,
                descriptors: [report.number, 1, 2, list.number], filter: filter)
        } catch {
            if let block { try IdBlocks.open(HostFile.idRange()).release(block, of: owner) }
            throw SystemError("start", "the posture reader at \(error.step)", error.errno, remedy: error.remedy)
        }
        var code: Int32 = 0
        var status: Int32 = 0
        let pidfd = confined.pidfd.number
        try checked("wait for", "the posture reader") { sp_wait_pidfd(pidfd, &code, &status) }
        if let block { try IdBlocks.open(HostFile.idRange()).release(block, of: owner) }
        return code == CLD_EXITED ? status : 128 + status
    }

    /// Reading and writing what is open, memory, and what a static program does before main: dup3 and execveat place
    /// its descriptors and start it, readlink and openat show the Swift runtime its own path and arguments. The reader
    /// gives up every file by Landlock before it reads. No socket, no signal.
    private static let readerCalls = [
        "dup3", "execveat", "execve", "read", "write", "close", "fstat", "newfstatat", "openat", "readlink", "brk",
        "mmap", "fcntl",
        "munmap", "mprotect", "mremap", "madvise", "exit", "exit_group", "arch_prctl", "set_tid_address",
        "set_robust_list",
        "rseq", "prlimit64", "getrandom", "futex", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
        "gettid",
        "getpid", "sched_getaffinity", "landlock_create_ruleset", "landlock_restrict_self",
    ]
    /// Asked of standard output at start, to choose its buffering; no is an answer.
    private static let readerRefusals: [(name: String, errno: Int32)] = [("ioctl", ENOTTY)]
}
