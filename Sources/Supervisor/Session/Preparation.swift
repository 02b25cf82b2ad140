// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy

/// Opens everything a request names and turns it into a sandbox specification.
struct Preparation {
    let mode: Mode
    let paths: HostPaths
    let held: DescriptorSet
    let environment: CallerEnvironment

    /// - Parameter network: What the session's egress needs; nil when nothing leaves.
    func specification(_ request: RunRequest, session: SessionID, network: NetworkPlan?) throws(SystemError)
        -> SandboxSpec
    {
        try HeldFilesystem.check(request.profile.filesystem, profile: request.profile.name)
        let trees = Trees(mode: mode, held: held)
        let skeleton = try Skeleton.ensure(paths, mode: mode)
        let filter = try FilterCache(paths).filter(for: FilterSpecification(request.profile.syscalls))
        let abi = sp_landlock_abi()
        if request.profile.landlock == .required && abi < 1 {
            throw SystemError(
                "use", "Landlock", Errno(Int32(-abi)),
                remedy:
                    "The kernel has no Landlock (5.13, lsm=landlock). A profile can waive it by name: landlock: waived."
            )
        }
        let resolver = network == nil ? [] : try skeleton.resolverTrees(trees)
        var spec = SandboxSpec(
            session: session.text, mode: mode, profile: request.profile, landlockABI: max(0, Int(abi)), filter: filter,
            runtime: paths.runtime, root: try trees.open(skeleton.root, at: "", recursive: false),
            dev: try trees.open(skeleton.dev, at: "dev", recursive: false, keepDevices: true),
            systemTrees: try systemTrees(request.profile.rootfs, trees, skeleton) + resolver,
            mounts: try mounts(request, trees),
            workspace: try workspace(request, trees), argv: request.argv, environment: try variables(request))
        spec.network = network
        return spec
    }

    // MARK: Root file system

    private func systemTrees(
        _ rootfs: String, _ trees: Trees, _ skeleton: Skeleton
    ) throws(SystemError) -> [SandboxSpec.Tree] {
        guard rootfs == "host" else { return try Rootfs(paths: paths).trees(rootfs, trees, skeleton) }
        guard try FileStatus.path("/bin").isSymlink else {
            throw SystemError(
                "use", "the host's root file system", .invalid,
                remedy: "/bin is not a link into /usr (merged-usr); use a rootfs recipe.")
        }
        var result = [try trees.open("/usr", at: "usr")]
        for part in Skeleton.optionalParts { result.append(try skeleton.optional(part, of: "", trees)) }
        return result
    }

    private func mounts(_ request: RunRequest, _ trees: Trees) throws(SystemError) -> [SandboxSpec.Tree] {
        var result: [SandboxSpec.Tree] = []
        for (index, mount) in request.mounts.enumerated() {
            let parts = mount.target.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
            // A C string ends at a NUL, and would be another place than the one that is looked at here.
            guard mount.target.hasPrefix("/run/"), !mount.target.utf8.contains(0),
                parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." })
            else {
                throw SystemError(
                    "mount at", "\"\(mount.target)\"", .invalid,
                    remedy: "Extra mounts go beneath /run, without \"..\", empty parts or NUL bytes.")
            }
            guard !parts.starts(with: SocketGrant.directory.split(separator: "/")) else {
                throw SystemError(
                    "mount at", "\"\(mount.target)\"", .exists,
                    remedy: "\(SocketGrant.directory) is where the sockets stand that a profile grants.")
            }
            let fd = try request.source(.mount(index), mount.source)
            try refusePseudo(fd, mount.source)
            let status = try FileStatus.of(fd, subject: "\"\(mount.source)\"")
            try refuseOwn(status, mount.source, "mount", "\"\(mount.source)\" in a sandbox", "give")
            result.append(try trees.open(fd, named: mount.source, at: String(mount.target.dropFirst())))
        }
        return result
    }

    /// The kernel's own file systems tell of the host, and would lie there without the covers that ours have.
    private func refusePseudo(_ fd: borrowing Descriptor, _ path: String) throws(SystemError) {
        let kind = try FileSystemKind.of(fd.number, subject: "\"\(path)\"")
        let status = try FileStatus.of(fd, subject: "\"\(path)\"")
        let isRoot = try isSame("/", status)
        let isDevices = try isSame("/dev", status)
        if kind == .kernel || isRoot || isDevices {
            throw SystemError(
                "mount", "\"\(path)\" in a sandbox", .notPermitted,
                remedy:
                    "It shows the host itself (/, /dev, proc, sysfs, cgroup and such); give the one directory that is needed."
            )
        }
    }

    // MARK: Workspace

    /// Trees that are too much to hand to a task: giving one of them is a slip, not a wish. (P09)
    private static let broad = [
        "/", "/home", "/root", "/etc", "/usr", "/var", "/var/lib", "/run", "/run/user", "/proc", "/sys", "/dev",
        "/dev/shm",
        "/boot", "/opt", "/srv", "/mnt", "/media", "/tmp", "/var/tmp",
    ]

    private func refuseBroad(_ status: FileStatus, _ path: String, _ client: UInt32?) throws(SystemError) {
        // A client's environment is what it sent: its home is what its account says.
        let homes =
            if let client { try Accounts().homes(of: client) } else { [environment.bytes("HOME")].compactMap { $0 } }
        let candidates = Self.broad.map { Array($0.utf8) } + homes
        for candidate in candidates where try isSame(candidate, status) {
            throw SystemError(
                "use", "\"\(path)\" as a workspace", .notPermitted,
                remedy:
                    "It is \(String(decoding: candidate, as: UTF8.self)); give the one project directory that the task needs."
            )
        }
        try refuseOwn(status, path, "use", "\"\(path)\" as a workspace", "choose")
    }

    /// Our own directories hold other sessions' records, changes and control sockets, and the pool's image, wherever
    /// the operator had it made, what other sessions write. Read-only is no help there: a socket is connected to all the same.
    private func refuseOwn(
        _ status: FileStatus, _ path: String, _ operation: String, _ subject: String, _ advice: String
    ) throws(SystemError) {
        let guarded =
            [paths.sessions, paths.changes, paths.keys, paths.pool, paths.state + "/rootfs"]
            + [try Pool.image(paths)].compactMap { $0 }
        for own in [paths.runtime, paths.state] + guarded {
            var meets = false
            for candidate in Self.ancestors(own) where try isSame(candidate, status) { meets = true }
            if guarded.contains(own), let ownStatus = try statusIfAny(own) {
                for candidate in Self.ancestors(path) where try isSame(candidate, ownStatus) { meets = true }
            }
            if meets {
                throw SystemError(
                    operation, subject, .notPermitted,
                    remedy:
                        "Sallyport keeps its own files in \"\(own)\"; \(advice) a directory that neither holds nor lies in it."
                )
            }
        }
    }

    private func statusIfAny(_ path: String) throws(SystemError) -> FileStatus? {
        do throws(SystemError) {
            return try FileStatus.at(AT_FDCWD, Array(path.utf8CString), flags: 0, subject: "\"\(path)\"")
        } catch {
            if error.errno == .noEntry { return nil }
            throw error
        }
    }

    private func isSame(_ candidate: String, _ status: FileStatus) throws(SystemError) -> Bool {
        try isSame(Array(candidate.utf8), status)
    }

    private func isSame(_ candidate: [UInt8], _ status: FileStatus) throws(SystemError) -> Bool {
        do throws(SystemError) {
            let name = candidate.map { CChar(bitPattern: $0) } + [0]
            let other = try FileStatus.at(
                AT_FDCWD, name, flags: 0, subject: "\"\(String(decoding: candidate, as: UTF8.self))\"")
            return other.device == status.device && other.inode == status.inode
        } catch {
            if error.errno == .noEntry || error.errno == .notDirectory || error.errno == .accessDenied { return false }
            throw error
        }
    }

    /// A path and every directory above it.
    private static func ancestors(_ path: String) -> [String] {
        var partial = ""
        return ["/"]
            + path.split(separator: "/").map { part in
                partial += "/" + part
                return partial
            }
    }

    private func workspace(_ request: RunRequest, _ trees: Trees) throws(SystemError) -> SandboxSpec.Workspace {
        guard let path = request.workspace else { return .empty }
        let fd = try request.source(.workspace, path)
        let status = try FileStatus.of(fd, subject: "\"\(path)\"")
        guard status.isDirectory else {
            throw SystemError("use", "\"\(path)\" as a workspace", .notDirectory, remedy: "Give a directory.")
        }
        try refuseBroad(status, path, request.handed?.owner)
        let tree = try trees.open(fd, named: path, at: "workspace", recursive: false)
        if request.readOnly || request.profile.filesystem.workspace == .readOnly { return .readOnly(tree) }
        // Where changes go is decided once the session has its ids.
        return .overlay(tree, permissions: status.permissions & 0o755 | 0o700, upper: nil)
    }

    // MARK: Environment

    /// What every sandbox has.
    static let fixedVariables = [
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("HOME", "/tmp/home"),
        ("USER", "agent"), ("LOGNAME", "agent"), ("SHELL", "/bin/sh"), ("TMPDIR", "/tmp"), ("SALLYPORT", "1"),
    ]

    /// Nothing of the caller's environment but what the profile passes by name (P03).
    private func variables(_ request: RunRequest) throws(SystemError) -> [[UInt8]] {
        var values: [(name: String, value: [UInt8])] = Self.fixedVariables.map { ($0.0, Array($0.1.utf8)) }
        func set(_ name: String, _ value: [UInt8]) {
            values.removeAll { $0.name == name }
            values.append((name, value))
        }
        if request.packages != nil {
            for (name, value) in PackageAccess.variables { set(name, Array(value.utf8)) }
        }
        for name in request.profile.environment.pass {
            guard let value = environment.bytes(name) else { continue }
            guard value.count <= EnvironmentPolicy.maximumValueBytes else {
                throw SystemError(
                    "pass", "environment variable \(name)", Errno(E2BIG),
                    remedy: "Its value is longer than \(EnvironmentPolicy.maximumValueBytes) bytes.")
            }
            set(name, value)
        }
        for variable in request.profile.environment.set { set(variable.name, Array(variable.value.utf8)) }
        for (name, value) in request.environment { set(name, Array(value.utf8)) }
        return values.map { Array($0.name.utf8) + [UInt8(ascii: "=")] + $0.value }
    }
}
