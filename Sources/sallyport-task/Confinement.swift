// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// What a step keeps before it reads bytes of unknown origin: some directories and the descriptors it was given.
///
/// Everything else goes, in the order the calls need each other: directories opened, root changed (CAP_SYS_CHROOT),
/// bounding set and ids dropped (CAP_SETPCAP, CAP_SETUID), no_new_privs, Landlock, rlimits, seccomp. A layer that
/// the kernel refuses ends the step.
struct Confinement {
    /// Directories that may be read.
    var readable: [String] = []
    /// A directory, open, that may be read; for root it becomes the root directory, for others the current one.
    var tree: Int32?
    /// The one directory that may be written; for root it becomes the root directory.
    var quarantine: String?
    /// Connections to servers may be made.
    var isNetworked = false
    /// The ids to become; nil keeps ours, for a caller without root.
    var identity: Identity?

    /// The path of the quarantine afterwards.
    var quarantinePath: String { identity != nil ? "" : quarantine ?? "" }

    /// A user and a group id, written `uid:gid`.
    struct Identity: Equatable {
        let user: UInt32
        let group: UInt32

        init(user: UInt32, group: UInt32) {
            self.user = user
            self.group = group
        }

        /// Nil unless the text is two numbers with a colon.
        init?(_ text: String) {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, let user = UInt32(parts[0]), let group = UInt32(parts[1]) else { return nil }
            self.init(user: user, group: group)
        }

        var text: String { "\(user):\(group)" }

        /// One that no other live process has, so that two tasks never share it; nil for a caller who has one id only.
        static var ofThisProcess: Identity? {
            let number = OwnIdentities.of(process: getpid(), in: OwnIdentities.taskSteps)
            return geteuid() == 0 ? Identity(user: number, group: number) : nil
        }
    }

    private static let heapBytes: UInt64 = 3 << 30
    private static let fileBytes: UInt64 = 8 << 30
    private static let processorSeconds: UInt64 = 1200
    private static let openFiles: UInt64 = 512

    func enter() throws(TaskFailure) { try host { () throws(SystemError) in try apply() } }

    private func apply() throws(SystemError) {
        guard !isNetworked else { return try applyNetworked() }
        var reading: [Int32] = []
        for path in readable { reading.append(try Self.hold(path)) }
        var writing: [Int32] = []
        if let quarantine { writing.append(try Self.hold(quarantine)) }
        if let tree { reading.append(tree) }
        let rules = Int32(
            try Self.landlock {
                sp_task_landlock_rules(reading, Int32(reading.count), writing, Int32(writing.count))
            })
        if let directory = writing.first, identity != nil {
            try checked("change", "the root directory of a task step") { sp_task_change_root(directory) }
        }
        if let tree {
            try checked("enter", "the tree to be read") {
                geteuid() == 0 ? sp_task_change_root(tree) : sp_fchdir(tree)
            }
        }
        try checked("drop", "privileges of a task step") {
            sp_task_drop(identity == nil ? 0 : 1, identity?.user ?? 0, identity?.group ?? 0)
        }
        try checked("set", "no_new_privs") { sp_task_no_new_privileges() }
        try Self.landlock { sp_task_landlock_apply(rules) }
        for directory in reading + writing + [rules] where directory != tree { _ = sp_close(directory) }
        try limit()
        try checked("install", "the system call filter of a task step") { sp_task_filter(quarantine == nil ? 1 : 0) }
    }

    /// The same order, with a ruleset that leaves connections alone and files to be read by path.
    private func applyNetworked() throws(SystemError) {
        try checked("drop", "privileges of a task step") {
            sp_task_drop(identity == nil ? 0 : 1, identity?.user ?? 0, identity?.group ?? 0)
        }
        // It has a credential: no core, and nobody of the same id looks in. After the change of ids, which decides anew.
        try checked("become", "non-dumpable") { sp_prctl(PR_SET_DUMPABLE, 0, 0) }
        try checked("set", "no_new_privs") { sp_task_no_new_privileges() }
        try Landlock.restrict(to: readable.map { .init($0, Landlock.read) })
        try limit()
        try checked("install", "the system call filter of a task step") { sp_task_client_filter() }
    }

    private func limit() throws(SystemError) {
        try checked("limit", "memory of a task step") { sp_setrlimit(SP_RLIMIT_DATA, Self.heapBytes, Self.heapBytes) }
        try checked("limit", "file size of a task step") {
            sp_setrlimit(SP_RLIMIT_FSIZE, Self.fileBytes, Self.fileBytes)
        }
        let files = min(Self.openFiles, sp_rlimit_hard(SP_RLIMIT_NOFILE))
        try checked("limit", "open files of a task step") { sp_setrlimit(SP_RLIMIT_NOFILE, files, files) }
        try checked("limit", "processor time of a task step") {
            sp_setrlimit(Int32(RLIMIT_CPU.rawValue), Self.processorSeconds, Self.processorSeconds)
        }
        try checked("limit", "core files of a task step") { sp_setrlimit(SP_RLIMIT_CORE, 0, 0) }
    }

    private static func hold(_ path: String) throws(SystemError) -> Int32 {
        try Descriptor.open(path, O_PATH | O_DIRECTORY).release()
    }

    @discardableResult
    private static func landlock(_ call: () -> Int) throws(SystemError) -> Int {
        let result = call()
        if result >= 0 { return result }
        throw SystemError(
            "confine", "a task step with Landlock", Errno(Int32(-result)),
            remedy: "Boot a kernel with CONFIG_SECURITY_LANDLOCK and \"landlock\" in lsm=; see sallyport doctor.")
    }
}
