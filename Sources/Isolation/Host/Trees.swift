// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem

/// Opens the sources of mounts: once, without following symlinks, and by descriptor from then on.
package struct Trees {
    private let mode: Mode
    private let held: DescriptorSet

    package init(mode: Mode, held: DescriptorSet) {
        self.mode = mode
        self.held = held
    }

    private static let readOnly = SP_MOUNT_RDONLY | SP_MOUNT_NOSUID | SP_MOUNT_NODEV

    /// A tree that appears read-only at `target`.
    ///
    /// - Parameters:
    ///   - recursive: mounts beneath the source come along and are read-only too (R19).
    ///   - keepDevices: only for our own `dev` template.
    /// - Throws: ELOOP when any part of the path is a symlink.
    package func open(_ path: String, at target: String, recursive: Bool = true, keepDevices: Bool = false)
        throws(SystemError) -> SandboxSpec.Tree
    {
        try open(try Self.openPath(path), named: path, at: target, recursive: recursive, keepDevices: keepDevices)
    }

    /// The same of what is open already; its name is for messages and the record.
    package func open(
        _ fd: consuming Descriptor, named path: String, at target: String, recursive: Bool = true,
        keepDevices: Bool = false
    ) throws(SystemError) -> SandboxSpec.Tree {
        let status = try FileStatus.of(fd, subject: "\"\(path)\"")
        guard status.isDirectory || status.isRegular else {
            throw SystemError(
                "use", "\"\(path)\" as a mount source", .invalid, remedy: "It must be a directory or a regular file.")
        }
        var tree = SandboxSpec.Tree(
            descriptor: -1, source: path, device: status.device, inode: status.inode, isDirectory: status.isDirectory,
            target: target)
        if mode == .rootless {
            tree.opened = held.keep(fd)
            return tree
        }
        let flags = SP_TREE_CLONE | SP_AT_EMPTY_PATH | (recursive && status.isDirectory ? SP_AT_RECURSIVE : 0)
        let clone = Descriptor(
            owning: Int32(try checked("clone the mount of", "\"\(path)\"") { sp_open_tree(fd.number, "", flags) }))
        let recursion = recursive && status.isDirectory ? SP_AT_RECURSIVE : 0
        let set = keepDevices ? SP_MOUNT_RDONLY | SP_MOUNT_NOSUID | SP_MOUNT_NOEXEC : Self.readOnly
        try checked("make read-only the mount of", "\"\(path)\"") {
            sp_mount_setattr(clone.number, recursion, set, keepDevices ? SP_MOUNT_NODEV : 0, -1)
        }
        tree.descriptor = held.keep(try clone.duplicate())
        return tree
    }

    /// A directory of ours that the sandbox writes: cloned without devices and setuid, but writable.
    package func openWritable(_ path: String) throws(SystemError) -> SandboxSpec.Tree {
        try openWritable(try Self.openPath(path), named: path)
    }

    /// The same of one that is open already.
    package func openWritable(_ fd: consuming Descriptor, named path: String) throws(SystemError) -> SandboxSpec.Tree {
        let status = try FileStatus.of(fd, subject: "\"\(path)\"")
        var tree = SandboxSpec.Tree(
            descriptor: -1, source: path, device: status.device, inode: status.inode, isDirectory: true, target: "")
        if mode == .rootless { return tree }
        let clone = Descriptor(
            owning: Int32(
                try checked("clone the mount of", "\"\(path)\"") {
                    sp_open_tree(fd.number, "", SP_TREE_CLONE | SP_AT_EMPTY_PATH)
                }))
        try checked("restrict the mount of", "\"\(path)\"") {
            sp_mount_setattr(clone.number, 0, SP_MOUNT_NOSUID | SP_MOUNT_NODEV, 0, -1)
        }
        tree.descriptor = held.keep(try clone.duplicate())
        return tree
    }

    /// An `O_PATH` descriptor of an existing file no part of whose path is a symlink.
    package static func openPath(_ path: String) throws(SystemError) -> Descriptor {
        let result = sp_openat2(
            AT_FDCWD, path, UInt64(O_PATH), 0, SP_RESOLVE_NO_SYMLINKS | SP_RESOLVE_NO_MAGICLINKS)
        guard result >= 0 else {
            let errno = Errno(Int32(-result))
            throw SystemError(
                "open", "\"\(path)\"", errno,
                remedy: errno == .symlinkLoop ? "A part of this path is a symlink; give the real path (realpath)." : nil
            )
        }
        return Descriptor(owning: Int32(result))
    }

    /// Gives a detached tree an id map; false when its file system cannot have one (overlay, 9p, NFS).
    package static func map(_ tree: SandboxSpec.Tree, namespace: Int32) throws(SystemError) -> Bool {
        let recursion = tree.isDirectory ? SP_AT_RECURSIVE : 0
        let result = sp_mount_setattr(tree.descriptor, recursion, SP_MOUNT_IDMAP, 0, namespace)
        if result == -Int(EINVAL) { return false }
        try checked("id-map the mount of", "\"\(tree.source)\"") { result }
        return true
    }
}
