// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

extension SessionCgroup {
    /// Bounds what the session reads from one block device and what it writes to it, each, in a second.
    ///
    /// Version 1 counts what a process itself reads and writes there; what the kernel writes back later from its cache is
    /// nobody's to it. Version 2 counts that as well where the file system says whose a page is, as ext4, btrfs and xfs do.
    /// Documentation/admin-guide/cgroup-v1/blkio-controller.rst, cgroup-v2.rst, "Writeback"
    ///
    /// - Parameter device: Of a file system, as ``FileStatus/device`` has it; that of a part stands for its disk.
    /// - Throws: `ENODEV` where the file system lies on no device of its own.
    package borrowing func limitDevice(_ device: UInt64, bytesPerSecond: UInt64) throws(SystemError) {
        let name = try Self.disk(device)
        switch version {
        case .v1:
            let path = try ioDirectory()
            for file in Self.throttleFiles { try writeKernelFile("\(path)/\(file)", "\(name) \(bytesPerSecond)") }
        case .v2:
            try writeKernelFile("\(try ioDirectory())/io.max", "\(name) rbps=\(bytesPerSecond) wbps=\(bytesPerSecond)")
        }
    }

    /// The limits of devices as the kernel holds them now; none where there are none.
    package borrowing func deviceLimits() throws(SystemError) -> [(name: String, value: String)] {
        guard directories.contains(where: { $0.controller == CgroupLayout.io(version) || version == .v2 }) else {
            return []
        }
        let path = try ioDirectory()
        var held: [(name: String, value: String)] = []
        for file in version == .v1 ? Self.throttleFiles : ["io.max"] {
            let text: [Substring]
            do throws(SystemError) { text = try procText("\(path)/\(file)") } catch {
                // A group of version 2 without the controller.
                if error.errno == .noEntry { continue }
                throw error
            }
            if let first = text.first, !first.isEmpty { held.append((file, String(first))) }
        }
        return held
    }

    private static let throttleFiles = ["blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device"]

    private borrowing func ioDirectory() throws(SystemError) -> String {
        let found = directories.first { version == .v2 || $0.controller == CgroupLayout.io(version) }
        guard let found else {
            throw SystemError("find", "cgroup controller \"\(CgroupLayout.io(version))\"", .noDevice)
        }
        return found.path
    }

    /// `major:minor` of the disk; limits are a queue's, which parts of a disk share. sysfs(5)
    private static func disk(_ device: UInt64) throws(SystemError) -> String {
        let name = "\(device >> 32):\(device & 0xFFFF_FFFF)"
        let place = "/sys/dev/block/\(name)"
        guard access(place, F_OK) == 0 else {
            throw SystemError(
                "limit", "device \(name)", .noDevice,
                remedy:
                    "The workspace's changes lie on a file system without a block device of its own (tmpfs, overlay, "
                    + "btrfs, a network's): remove limits.io, or make a pool (sallyport pool create).")
        }
        guard access(place + "/partition", F_OK) == 0 else { return name }
        return String(try procText(place + "/../dev").first ?? "")
    }
}
