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
        return try ConfinedReader.run(arguments, input: report, document: list)
    }
}
