// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Where this host's cgroup controllers are, found once from /proc.
package struct CgroupLayout: Sendable {
    package enum Version: Sendable { case v1, v2 }

    package let version: Version
    /// v1: controller name to the directory of the caller's own group. v2: the single key `""`, and never the group of
    /// callers below, or each run would make its groups one level deeper than the run before it.
    package let ownDirectories: [(controller: String, directory: String)]
    /// v2: the mount point, under which root makes its own top-level group.
    package let mountPoint: String

    /// Controllers that a session needs; a host without one of them cannot enforce `limits` by cgroup.
    package static let required = ["memory", "pids", "cpu"]
    /// v2: where an ordinary user's own processes are put, since a group with controllers below it may hold none.
    static let callers = "sallyport-callers"
    private static let wantedV1 = ["memory", "pids", "cpu", "freezer", io(.v1)]

    /// The controller of block devices: a session has it only where its limits want it.
    package static func io(_ version: Version) -> String { version == .v1 ? "blkio" : "io" }

    /// A mounted hierarchy, as one line of mountinfo tells of it. proc_pid_mountinfo(5)
    private struct Mount {
        let directory: String
        /// What of the hierarchy is mounted there: `/` for all of it, one group for a container.
        let root: String
        let isUnified: Bool
        let controllers: [String]
    }

    /// Reads /proc/self/mountinfo and /proc/self/cgroup.
    ///
    /// - Throws: when neither hierarchy offers memory, pids and cpu.
    package static func detect() throws(SystemError) -> CgroupLayout {
        try detect(mountinfo: procBytes("/proc/self/mountinfo"), own: procText("/proc/self/cgroup"))
    }

    /// The same from what those two files say.
    package static func detect(mountinfo: [UInt8], own: [Substring]) throws(SystemError) -> CgroupLayout {
        let mounts = mounts(mountinfo)
        if let v2 = try unified(mounts, own) { return v2 }
        var found: [(String, String)] = []
        for controller in wantedV1 {
            guard let path = v1Path(own, controller) else { continue }
            for mount in mounts where mount.controllers.contains(controller) {
                guard let directory = directory(of: path, in: mount) else { continue }
                found.append((controller, directory))
                break
            }
        }
        for name in required where !found.contains(where: { $0.0 == name }) {
            throw SystemError(
                "find", "cgroup controller \"\(name)\"", .noDevice,
                remedy: "Mount a cgroup v2 hierarchy with memory, pids and cpu, or choose a profile with "
                    + "limits.enforcement: rlimit (strict-rlimit).")
        }
        return CgroupLayout(version: .v1, ownDirectories: found, mountPoint: "")
    }

    /// Works on bytes up to the lines that matter: a host has hundreds of other mounts, and every start reads them all.
    private static func mounts(_ bytes: [UInt8]) -> [Mount] {
        var found: [Mount] = []
        let mark = Array(" - cgroup".utf8)
        let blank = UInt8(ascii: " ")
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            // No field before it can hold a blank; blanks in paths are written \040.
            guard let dash = line.indices.first(where: { line[$0] == mark[0] && line[$0...].starts(with: mark) }) else {
                continue
            }
            let before = line[..<dash].split(separator: blank)
            let after = line[(dash + 3)...].split(separator: blank)
            guard before.count > 4, after.count > 2 else { continue }
            let names = after[0].elementsEqual("cgroup".utf8) ? after[2].split(separator: UInt8(ascii: ",")) : []
            found.append(
                Mount(
                    directory: unescaped(before[4]), root: unescaped(before[3]),
                    isUnified: after[0].elementsEqual("cgroup2".utf8),
                    controllers: names.map { String(decoding: $0, as: UTF8.self) }))
        }
        return found
    }

    private static func unified(_ mounts: [Mount], _ own: [Substring]) throws(SystemError) -> CgroupLayout? {
        for mount in mounts where mount.isUnified {
            let path = own.first { $0.hasPrefix("0::") }.map { String($0.dropFirst(3)) } ?? "/"
            guard var directory = directory(of: path, in: mount) else { continue }
            // A caller whom an earlier run moved aside: its delegated group is the one above.
            if directory.hasSuffix("/" + callers) { directory.removeLast(callers.utf8.count + 1) }
            let controllers = try procText(mount.directory + "/cgroup.controllers").first?.split(separator: " ") ?? []
            guard required.allSatisfy({ controllers.contains(Substring($0)) }) else { continue }
            return CgroupLayout(version: .v2, ownDirectories: [("", directory)], mountPoint: mount.directory)
        }
        return nil
    }

    /// Where a group lies on this host; nil where what is mounted does not reach it.
    ///
    /// /proc/self/cgroup names groups from the hierarchy's root, while a container's mount often begins at its own group.
    private static func directory(of group: String, in mount: Mount) -> String? {
        if mount.root == "/" { return group == "/" ? mount.directory : mount.directory + group }
        if group == mount.root { return mount.directory }
        return group.hasPrefix(mount.root + "/") ? mount.directory + group.dropFirst(mount.root.count) : nil
    }

    /// Blank, tab, newline and backslash of a path stand as three octal digits. proc_pid_mountinfo(5)
    private static func unescaped(_ field: ArraySlice<UInt8>) -> String {
        guard field.contains(UInt8(ascii: "\\")) else { return String(decoding: field, as: UTF8.self) }
        var bytes: [UInt8] = []
        var rest = field
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A line is `id:controller,controller:/group`. cgroups(7)
    private static func v1Path(_ own: [Substring], _ controller: String) -> String? {
        for line in own {
            let fields = line.utf8.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            if fields[1].split(separator: UInt8(ascii: ",")).contains(where: { $0.elementsEqual(controller.utf8) }) {
                return String(fields[2])
            }
        }
        return nil
    }
}
