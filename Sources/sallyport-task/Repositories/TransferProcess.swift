// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// git's own program, on its way between an upstream and the host's copy: confined, and then executed.
///
/// It talks to a server that may be hostile, so it has an id of its own, no capability, and no file but programs, the
/// name service's and certificates' files, and the copy. It may connect, since that is what it is for.
struct TransferProcess {
    static let name = "step-transfer"
    static let git = "/usr/bin/git"

    /// Its exit code when git was not started; git itself never exits with it.
    static let notStarted: Int32 = 125

    private static let heapBytes: UInt64 = 4 << 30
    private static let processorSeconds: UInt64 = 7200

    /// `step-transfer <uid:gid|-> <directory> <arguments of git...>`; never returns.
    static func main(_ arguments: [String]) -> Never {
        do throws(SystemError) { try enter(arguments) } catch {
            Progress.say("fatal: \(error)")
        }
        exit(notStarted)
    }

    private static func enter(_ arguments: [String]) throws(SystemError) {
        guard arguments.count > 2 else { throw SystemError("read", "the arguments of a transfer", .invalid) }
        let identity = arguments[0] == "-" ? nil : Confinement.Identity(arguments[0])
        guard arguments[0] == "-" || identity != nil else { throw SystemError("read", "--become", .invalid) }
        // Opened with our rights: the id that comes has none to it.
        let directory = try Descriptor.open(arguments[1], O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        let number = directory.number
        // git makes the paths of its lock files absolute, and its id cannot pass the directories above.
        try checked("enter", "\"\(arguments[1])\"") {
            identity == nil ? sp_fchdir(number) : sp_task_show_directory(number)
        }
        try checked("drop", "privileges of a transfer") {
            sp_task_drop(identity == nil ? 0 : 1, identity?.user ?? 0, identity?.group ?? 0)
        }
        try checked("set", "no_new_privs") { sp_task_no_new_privileges() }
        try Landlock.restrict(to: places())
        for (resource, value) in [
            (SP_RLIMIT_CORE, 0), (SP_RLIMIT_DATA, heapBytes), (Int32(RLIMIT_CPU.rawValue), processorSeconds),
        ] { try checked("limit", "a transfer") { sp_setrlimit(resource, value, value) } }
        try checked("install", "the system call filter of a transfer") { sp_task_transfer_filter() }
        let argv = ([git] + arguments.dropFirst(2)).map { strdup($0) } + [nil]
        try checked("run", "\"\(git)\"") { sp_task_become(git, argv) }
    }

    private static func places() -> [Landlock.Place] {
        let read = Landlock.read
        var places: [Landlock.Place] = [
            .init(".", read | Landlock.write), .init("/usr", read | Landlock.execute),
            .init("/etc", read), .init("/dev", Landlock.readFile | Landlock.writeFile),
        ]
        // Where /usr is not merged, and where the name service keeps its file.
        for path in ["/lib", "/lib64", "/bin"] where access(path, F_OK) == 0 {
            places.append(.init(path, read | Landlock.execute))
        }
        if let real = realpath("/etc/resolv.conf", nil) {
            places.append(.init(String(cString: real), Landlock.readFile))
            free(real)
        }
        return places
    }
}
