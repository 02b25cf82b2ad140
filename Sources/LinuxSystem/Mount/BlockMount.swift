// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// A file system on a block device, mounted and not attached anywhere yet; gone with its descriptor unless attached.
package struct BlockMount: ~Copyable {
    package let fd: Descriptor

    /// Makes the mount, without setuid and without devices.
    ///
    /// - Parameter options: The file system's own, without values. fsopen(2), FSCONFIG_SET_FLAG
    package static func make(type: String, device: String, options: [String]) throws(SystemError) -> BlockMount {
        let context = Descriptor(owning: Int32(try checked("use", "file system \(type)") { sp_fsopen(type) }))
        let fs = context.number
        try checked("name", device) { sp_fsconfig_text(fs, "source", device) }
        for option in options {
            try checked("set option \"\(option)\" of", "file system \(type)") { sp_fsconfig_flag(fs, option) }
        }
        try checked("mount", "\(device) as \(type)") { sp_fsconfig_create(fs) }
        let flags = UInt32(SP_MOUNT_NOSUID | SP_MOUNT_NODEV)
        return BlockMount(
            fd: Descriptor(owning: Int32(try checked("mount", "\(device) as \(type)") { sp_fsmount(fs, flags) })))
    }

    private init(fd: consuming Descriptor) { self.fd = fd }

    /// Its topmost directory, before anybody else can see it.
    package borrowing func root() throws(SystemError) -> Directory {
        let mount = fd.number
        let opened = try checked("open", "the root of a new mount") {
            sp_openat2(mount, ".", UInt64(O_RDONLY | O_DIRECTORY), 0, SP_RESOLVE_NO_SYMLINKS)
        }
        return Directory(owning: Descriptor(owning: Int32(opened)), path: "the root of a new mount")
    }

    /// Attaches it on a directory; it then stays when this value goes.
    package borrowing func attach(on directory: borrowing Directory) throws(SystemError) {
        let (mount, place) = (fd.number, directory.fd.number)
        try checked("mount at", "\"\(directory.path)\"") { sp_move_mount(mount, place) }
    }

    /// Takes the mount off a directory, by its path.
    package static func detach(_ path: String) throws(SystemError) {
        try checked("unmount", "\"\(path)\"") { sp_umount(path) }
    }
}
