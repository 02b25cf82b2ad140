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
    private static let wantedV1 = ["memory", "pids", "cpu", "freezer"]

    /// Reads /proc/self/mountinfo and /proc/self/cgroup.
    ///
    /// - Throws: when neither hierarchy offers memory, pids and cpu.
    package static func detect() throws(SystemError) -> CgroupLayout {
        let mounts = try procText("/proc/self/mountinfo")
        let own = try procText("/proc/self/cgroup")
        if let v2 = try unified(mounts, own) { return v2 }
        var found: [(String, String)] = []
        for controller in wantedV1 {
            guard let mount = v1Mount(mounts, controller), let path = v1Path(own, controller) else { continue }
            found.append((controller, mount + (path == "/" ? "" : path)))
        }
        for name in required where !found.contains(where: { $0.0 == name }) {
            throw SystemError(
                "find", "cgroup controller \"\(name)\"", .noDevice,
                remedy: "Mount a cgroup v2 hierarchy with memory, pids and cpu, or choose a profile with "
                    + "limits.enforcement: rlimit (strict-rlimit).")
        }
        return CgroupLayout(version: .v1, ownDirectories: found, mountPoint: "")
    }

    private static func unified(_ mounts: [Substring], _ own: [Substring]) throws(SystemError) -> CgroupLayout? {
        for line in mounts {
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), fields.count > dash + 1, fields[dash + 1] == "cgroup2" else {
                continue
            }
            let mount = String(fields[4])
            let path = own.first { $0.hasPrefix("0::") }.map { String($0.dropFirst(3)) } ?? "/"
            var directory = path == "/" ? mount : mount + path
            if directory.hasSuffix("/" + callers) { directory.removeLast(callers.utf8.count + 1) }
            let controllers = try procText(mount + "/cgroup.controllers").first?.split(separator: " ") ?? []
            guard required.allSatisfy({ controllers.contains(Substring($0)) }) else { continue }
            return CgroupLayout(version: .v2, ownDirectories: [("", directory)], mountPoint: mount)
        }
        return nil
    }

    private static func v1Mount(_ mounts: [Substring], _ controller: String) -> String? {
        for line in mounts {
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), fields.count > dash + 3, fields[dash + 1] == "cgroup" else {
                continue
            }
            if fields[dash + 3].split(separator: ",").contains(Substring(controller)) { return String(fields[4]) }
        }
        return nil
    }

    private static func v1Path(_ own: [Substring], _ controller: String) -> String? {
        for line in own {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            if fields.count == 3 && fields[1].split(separator: ",").contains(Substring(controller)) {
                return String(fields[2])
            }
        }
        return nil
    }
}
