// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// Takes from the calling process everything but one tree, before it reads a change set.
package enum Confinement {
    /// Confines the calling process for good: it may write beneath one directory, read beneath the others, and no
    /// more. A process of root becomes the owner of the directory, so that nothing of root can be reached through it
    /// and what is written belongs to its owner.
    ///
    /// The process must have one thread: ids, capabilities, Landlock and filters are a thread's own. Standard output
    /// and what else is open stays usable. Call ``Applier/currentMask()`` before.
    ///
    /// - Parameters:
    ///   - readable: Descriptors of files or directories that may be opened again for reading.
    ///   - workspace: The directory to write in, open; nil for showing changes only, which then needs `runAs`.
    ///   - runAs: The directory or file whose owner to become when the caller is root; `workspace` when nil.
    /// - Throws: ``ChangeError`` with `.confinement`; the process must then end without reading the set.
    /// - SeeAlso: landlock(7), seccomp(2), capabilities(7), credentials(7)
    package static func forApply(readable: [Int32], writable workspace: Int32?, runAs: Int32? = nil) throws(ChangeError)
    {
        try requireOneThread()
        if sp_effective_uid() == 0 {
            guard let owner = runAs ?? workspace else { throw failure("choose an owner", Errno(EINVAL)) }
            // Without CAP_SETPCAP (a caller that is no root) the set cannot shrink; no_new_privs makes it unusable.
            try step("empty the bounding set", sp_drop_bounding_set())
            try becomeOwner(of: owner)
        }
        try step("set no_new_privs", sp_prctl(PR_SET_NO_NEW_PRIVS, 1, 0))
        try step("drop capabilities", sp_drop_capabilities())
        // A core file or a tracer of the same user would hold what the caller's tree holds; cheap to refuse. prctl(2)
        try step("become non-dumpable", sp_prctl(PR_SET_DUMPABLE, 0, 0))
        try restrictFiles(readable, workspace)
        try step("refuse system calls", sp_refuse_unneeded_calls())
        try verify(allowing: 0)
    }

    /// Confines a collecting process to reading beneath the given directories; its ids, capability and filter were set
    /// before it was executed.
    package static func forCollect(readable: [Int32]) throws(ChangeError) {
        try requireOneThread()
        try step("become non-dumpable", sp_prctl(PR_SET_DUMPABLE, 0, 0))
        try restrictFiles(readable, nil)
        // CAP_DAC_READ_SEARCH: the task may have closed its own files to everyone. capabilities(7)
        try verify(allowing: 1 << 2)
    }

    private static func requireOneThread() throws(ChangeError) {
        let tasks: Held
        let number = sp_open("/proc/self/task", O_RDONLY | O_DIRECTORY, 0)
        guard number >= 0 else { throw failure("count threads", Errno(Int32(-number))) }
        tasks = Held(owning: Int32(number))
        let names = try Beneath.names(tasks, "\"/proc/self/task\"")
        guard names.count == 1 else {
            throw ChangeError(
                .confinement, "confine", "this process", "it has \(names.count) threads",
                remedy: "Report this as a bug.")
        }
    }

    private static func becomeOwner(of file: Int32) throws(ChangeError) {
        let status: FileStatus
        do throws(SystemError) {
            status = try FileStatus.at(file, [0], flags: SP_AT_EMPTY_PATH, subject: "the workspace")
        } catch { throw ChangeError(error) }
        try step("become the owner of the workspace", sp_become(status.uid, status.gid))
    }

    private static func restrictFiles(_ readable: [Int32], _ workspace: Int32?) throws(ChangeError) {
        let abi = sp_landlock_abi()
        guard abi >= 1 else { throw failure("use Landlock", Errno(Int32(abi < 0 ? -abi : Int(ENOSYS)))) }
        let ruleset = sp_landlock_ruleset(Landlock.handled(abi))
        try step("make a Landlock ruleset", ruleset)
        let held = Held(owning: Int32(ruleset))
        for file in readable { try allow(held, file, Landlock.read) }
        if let workspace {
            // Cutting files short stays out: what is written is new and moved into place.
            let rights = Landlock.read | Landlock.write & ~Landlock.truncate | Landlock.makeSymlink
            try allow(held, workspace, rights & Landlock.handled(abi))
        }
        try step("apply the Landlock ruleset", sp_landlock_restrict(held.number))
    }

    private static func allow(_ ruleset: Held, _ file: Int32, _ rights: UInt64) throws(ChangeError) {
        let status: FileStatus
        do throws(SystemError) {
            status = try FileStatus.at(file, [0], flags: SP_AT_EMPTY_PATH, subject: "descriptor \(file)")
        } catch { throw ChangeError(error) }
        // Rights of directories are refused on a file. landlock_add_rule(2)
        let fitting = status.isDirectory ? rights : rights & Landlock.ofFiles
        try step("allow a file", sp_landlock_allow(ruleset.number, file, fitting))
    }

    /// Looks again, from inside: what was just set must be seen to hold.
    private static func verify(allowing allowed: UInt64) throws(ChangeError) {
        let outside = sp_open("/", O_RDONLY | O_DIRECTORY, 0)
        if outside >= 0 {
            _ = sp_close(Int32(outside))
            throw ChangeError(
                .confinement, "confine", "this process", "\"/\" can still be listed", remedy: "Report this as a bug.")
        }
        guard outside == -Int(EACCES) else { throw failure("verify the confinement", Errno(Int32(-outside))) }
        guard sp_prctl(PR_GET_NO_NEW_PRIVS, 0, 0) == 1 else { throw failure("set no_new_privs", Errno(EPERM)) }
        var held: UInt64 = 0
        try step("read capabilities", sp_held_capabilities(&held))
        guard held & ~allowed == 0 else { throw failure("drop capabilities", Errno(EPERM)) }
    }

    private static func step(_ what: String, _ result: Int) throws(ChangeError) {
        if result < 0 { throw failure(what, Errno(Int32(-result))) }
    }

    private static func failure(_ what: String, _ errno: Errno) -> ChangeError {
        ChangeError(
            .confinement, "confine this process:", what, "\(errno.explanation) (\(errno))",
            remedy: "Changes are read in a confined process only; `sallyport doctor` says what this host lacks.")
    }
}
