// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem

/// Which ids of the host the ids inside a user namespace stand for.
package struct IdMaps: Sendable, Equatable {
    package struct Extent: Sendable, Equatable {
        package let inside: UInt32
        package let outside: UInt32
        package let count: UInt32
        package init(inside: UInt32, outside: UInt32, count: UInt32) {
            self.inside = inside
            self.outside = outside
            self.count = count
        }
    }
    package let users: [Extent]
    package let groups: [Extent]
    /// An unprivileged writer must give up setgroups(2) first. user_namespaces(7)
    package let denySetgroups: Bool
    /// Whose share of the host's per-user limits the namespace uses, besides its own ids'; 0 is the caller's.
    package let owner: UInt32

    /// A session's own block: inside 0 to 65534 are the block's ids in order; its last id is the gateway's and has no
    /// number inside.
    package static func session(_ block: IdBlock) -> IdMaps {
        let extent = [Extent(inside: 0, outside: block.base, count: IdBlock.size - 1)]
        // The last id inside, which no process has: an owner outside has every capability inside, and the gateway is one.
        return IdMaps(users: extent, groups: extent, denySetgroups: false, owner: block.base + IdBlock.size - 2)
    }

    /// Only the caller, who appears as the agent.
    package static func single(uid: UInt32, gid: UInt32) -> IdMaps {
        IdMaps(
            users: [Extent(inside: SandboxSpec.agent, outside: uid, count: 1)],
            groups: [Extent(inside: SandboxSpec.agent, outside: gid, count: 1)], denySetgroups: true,
            owner: 0)
    }

    /// For the mount of a workspace: its owner on disk appears as the agent, whose own number on disk takes the owner's
    /// place; everybody else keeps the number. A file whose id had no number at all could not even be removed
    /// (EOVERFLOW from the overlay's copy).
    ///
    /// An id-mapped mount reads the map the other way round: "inside" is the id on disk, "outside" the one shown.
    /// mount_setattr(2), MOUNT_ATTR_IDMAP
    package static func workspace(owner: UInt32, group: UInt32, _ block: IdBlock) -> IdMaps {
        IdMaps(users: swapped(owner, block), groups: swapped(group, block), denySetgroups: false, owner: 0)
    }

    /// For the mount of a tree that belongs to one user alone, who appears as one id of the host.
    package static func one(owner: UInt32, group: UInt32, as shown: UInt32) -> IdMaps {
        IdMaps(
            users: [Extent(inside: owner, outside: shown, count: 1)],
            groups: [Extent(inside: group, outside: shown, count: 1)], denySetgroups: false, owner: 0)
    }

    private static func swapped(_ owner: UInt32, _ block: IdBlock) -> [Extent] {
        let agent = SandboxSpec.agent
        let end = IdBlock.size - 1
        func same(_ from: UInt32, _ to: UInt32) -> [Extent] {
            from < to ? [Extent(inside: from, outside: block.base + from, count: to - from)] : []
        }
        func one(_ disk: UInt32, _ shown: UInt32) -> [Extent] {
            [Extent(inside: disk, outside: block.base + shown, count: 1)]
        }
        if owner == agent { return same(0, end) }
        if owner >= end { return same(0, agent) + same(agent + 1, end) + one(owner, agent) }
        let low = min(owner, agent)
        let high = max(owner, agent)
        return same(0, low) + one(low, high) + same(low + 1, high) + one(high, low) + same(high + 1, end)
    }

    static func text(_ extents: [Extent]) -> String {
        extents.reduce("") { $0 + "\($1.inside) \($1.outside) \($1.count)\n" }
    }

    /// Writes the maps of a process that waits for them, through a held `/proc/<pid>` directory, so that a reused pid
    /// cannot receive them. Returns a descriptor of its user namespace.
    package func write(to pid: Int32) throws(SystemError) -> Descriptor {
        let process = try Directory.open("/proc/\(pid)")
        if denySetgroups { try put(process, "setgroups", "deny") }
        try put(process, "uid_map", Self.text(users))
        try put(process, "gid_map", Self.text(groups))
        return Descriptor(
            owning: Int32(
                try checked("open", "\"/proc/\(pid)/ns/user\"") { sp_open("/proc/\(pid)/ns/user", O_RDONLY, 0) }))
    }

    private func put(_ process: borrowing Directory, _ name: String, _ text: String) throws(SystemError) {
        let file = try process.open(name, O_WRONLY)
        try file.writeAll(Array(text.utf8), subject: "\"\(process.path)/\(name)\"")
    }
}
