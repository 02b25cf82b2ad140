// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// What kind of file system an open file lies on, as far as anybody has to be careful with it. statfs(2)
package enum FileSystemKind: Sendable {
    /// The kernel's own: it tells of the host, and takes what is written for a command, judged by who writes.
    case kernel
    /// A process answers for it, and may never do so.
    case process
    case other

    /// proc, sysfs, cgroup, cgroup2, debugfs, tracefs, bpf, securityfs, configfs, efivarfs, pstore, selinuxfs, smackfs,
    /// binfmt_misc, devpts, nsfs.
    private static let kernels: Set<UInt64> = [
        SP_PROC_MAGIC, 0x6265_6572, 0x27e0eb, SP_CGROUP2_MAGIC, 0x6462_6720, 0x7472_6163, 0xcafe_4a11, 0x7363_6673,
        0x6265_6570, 0xde5e_81e4, 0x6165_676c, 0xf97c_ff8c, 0x4341_5d53, 0x4249_4e4d, 0x1cd1, 0x6e73_6673,
    ]
    private static let fuse: UInt64 = 0x6573_5546

    package static func of(_ number: Int32, subject: @autoclosure () -> String) throws(SystemError) -> FileSystemKind {
        var type: UInt64 = 0
        var blocks: UInt64 = 0
        var inodes: UInt64 = 0
        try checked("inspect", subject()) { sp_file_system(number, &type, &blocks, &inodes) }
        return kernels.contains(type) ? .kernel : type == fuse ? .process : .other
    }
}

/// Whether an open file lies on a mount of this process's own namespace.
///
/// Of another one, or of a mount that is attached nowhere, whoever made it also chose its path. The number of a mount is no
/// other's as long as the file is open, in whatever namespace. proc_pid_fdinfo(5), proc_pid_mountinfo(5)
package func liesOnOwnMount(_ number: Int32) throws(SystemError) -> Bool {
    let fields = procFields(try procBytes("/proc/self/fdinfo/\(number)"), ["mnt_id"])
    guard let mount = fields.first?.value, !mount.isEmpty else { return false }
    return try procBytes("/proc/self/mountinfo").split(separator: UInt8(ascii: "\n")).contains {
        $0.prefix { $0 != UInt8(ascii: " ") }.elementsEqual(mount.utf8)
    }
}
