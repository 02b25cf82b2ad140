// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// git's own program, on its way between two repositories: confined, and then executed.
///
///     network   an id of its own, no file but programs, the name service's and certificates' files, and its repository
///     host      the caller's id without its powers; may read this host, may make no socket
///
/// In both it may write nowhere but where it is told, and has the same filter and limits. The server that it talks to may
/// be hostile.
struct GitProcess {
    static let name = "step-git"
    static let git = "/usr/bin/git"

    /// Its exit code when git was not started; git itself never exits with it.
    static let notStarted: Int32 = 125

    private static let heapBytes: UInt64 = 4 << 30
    private static let fileBytes: UInt64 = 64 << 30
    private static let processorSeconds: UInt64 = 7200
    private static let openFiles: UInt64 = 1024

    private var identity: Confinement.Identity?
    private var isNetworked = false
    private var directory: String?
    private var writable: [String] = []
    private var arguments: [String] = []

    /// `step-git --become <uid:gid|-> --reach <network|host> --in <directory|-> [--write <path>]... -- <arguments...>`
    static func main(_ arguments: [String]) -> Never {
        do throws(SystemError) { try GitProcess(arguments).enter() } catch {
            Progress.say("fatal: \(error)")
        }
        exit(notStarted)
    }

    private init(_ arguments: [String]) throws(SystemError) {
        var rest = arguments[...]
        while let name = rest.popFirst(), name != "--" {
            guard let value = rest.popFirst() else { throw Self.malformed }
            switch (name, value) {
            case ("--become", "-"), ("--in", "-"), ("--reach", "host"): break
            case ("--become", _):
                identity = Confinement.Identity(value)
                if identity == nil { throw Self.malformed }
            case ("--in", _): directory = value
            case ("--reach", "network"): isNetworked = true
            case ("--write", _): writable.append(value)
            default: throw Self.malformed
            }
        }
        guard !rest.isEmpty else { throw Self.malformed }
        self.arguments = Array(rest)
    }

    private static var malformed: SystemError { SystemError("read", "the arguments of step-git", .invalid) }

    private func enter() throws(SystemError) {
        // What it starts is ended together with it.
        try checked("lead", "a process group") { sp_lead_group() }
        // Opened with our rights: the id that comes has none to it.
        let place = try Descriptor.open(directory ?? "/", O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        let number = place.number
        // git makes the paths of its lock files absolute, and its id cannot pass the directories above.
        try checked("enter", "\"\(directory ?? "/")\"") {
            identity == nil || directory == nil ? sp_fchdir(number) : sp_task_show_directory(number)
        }
        try checked("drop", "privileges of git") {
            sp_task_drop(identity == nil ? 0 : 1, identity?.user ?? 0, identity?.group ?? 0)
        }
        try checked("set", "no_new_privs") { sp_task_no_new_privileges() }
        try Landlock.restrict(to: places())
        for (resource, value) in [
            // Of one byte: unlike 0 it keeps the kernel from handing the memory to a program, too. core(5)
            (SP_RLIMIT_CORE, 1), (SP_RLIMIT_DATA, Self.heapBytes), (SP_RLIMIT_FSIZE, Self.fileBytes),
            (SP_RLIMIT_NOFILE, Self.openFiles), (Int32(RLIMIT_CPU.rawValue), Self.processorSeconds),
        ] {
            // Nothing is raised that somebody has set lower.
            let most = min(value, sp_rlimit_hard(resource))
            try checked("limit", "git") { sp_setrlimit(resource, most, most) }
        }
        try checked("install", "the system call filter of git") { sp_task_git_filter(isNetworked ? 1 : 0) }
        let argv = ([Self.git] + arguments).map { strdup($0) } + [nil]
        // The server may have taken it over by its end.
        if isNetworked { exit(Int32(try checked("run", "\"\(Self.git)\" alone") { sp_task_keep(Self.git, argv) })) }
        try checked("run", "\"\(Self.git)\"") { sp_task_become(Self.git, argv) }
    }

    private func places() -> [Landlock.Place] {
        let (read, run) = (Landlock.read, Landlock.read | Landlock.execute)
        var places = writable.map { Landlock.Place($0, read | Landlock.write) }
        // No terminal and no disk, which may belong to the caller.
        places.append(.init("/dev/null", Landlock.readFile | Landlock.writeFile))
        guard isNetworked else { return places + [.init("/", run)] }
        if directory != nil { places.append(.init(".", read)) }
        places += [.init("/usr", run), .init("/etc", read), .init("/dev/urandom", Landlock.readFile)]
        // Where /usr is not merged, and where the name service keeps its file.
        for path in ["/lib", "/lib64", "/bin"] where access(path, F_OK) == 0 { places.append(.init(path, run)) }
        if let real = realpath("/etc/resolv.conf", nil) {
            places.append(.init(String(cString: real), Landlock.readFile))
            free(real)
        }
        return places
    }
}
