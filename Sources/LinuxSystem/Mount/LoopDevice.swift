// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// A block device whose content is a file.
///
/// Always with autoclear: the kernel detaches the file when the last user, this descriptor or a mount, lets go of the
/// device, however that comes about. loop(4), LO_FLAGS_AUTOCLEAR
package struct LoopDevice: ~Copyable {
    package let fd: Descriptor
    package let path: String

    /// Attaches a regular file that is open for reading and writing.
    ///
    /// - Parameter name: What people see who list devices.
    package static func attach(_ file: borrowing Descriptor, name: String) throws(SystemError) -> LoopDevice {
        let control: Descriptor
        do throws(SystemError) { control = try Descriptor.open("/dev/loop-control", O_RDWR) } catch {
            throw SystemError(
                "open", "\"/dev/loop-control\"", error.errno,
                remedy: "Run: modprobe loop. In a container, give it /dev/loop-control and the loop devices.")
        }
        let (number, image) = (control.number, file.number)
        // Free is only free until somebody else attaches to it.
        for _ in 0..<64 {
            let index = try checked("find", "a free loop device") { sp_loop_free(number) }
            let path = "/dev/loop\(index)"
            let device = try Descriptor.open(path, O_RDWR)
            let fd = device.number
            let result = sp_loop_attach(fd, image, name)
            if result == -Int(EBUSY) { continue }
            try checked("attach \"\(name)\" to", path) { result }
            return LoopDevice(fd: device, path: path)
        }
        throw SystemError("find", "a free loop device", .busy, remedy: "Others took each one first; run it again.")
    }

    private init(fd: consuming Descriptor, path: String) {
        self.fd = fd
        self.path = path
    }

    /// The devices that a file is attached to, by device and inode, whatever name it has by now.
    package static func holding(_ file: FileStatus) throws(SystemError) -> [String] {
        var found: [String] = []
        for name in try Directory.open("/sys/block").names() where name.starts(with: "loop".utf8) {
            let device = String(decoding: name, as: UTF8.self)
            // There only while a file is attached; others' devices are not opened. sysfs-block-loop
            guard access("/sys/block/\(device)/loop/backing_file", F_OK) == 0 else { continue }
            do throws(SystemError) {
                if try isBehind("/dev/\(device)", file) { found.append("/dev/\(device)") }
            } catch {
                // Detached meanwhile.
                if error.errno != .noEntry && error.errno != Errno(ENXIO) { throw error }
            }
        }
        return found
    }

    private static func isBehind(_ path: String, _ file: FileStatus) throws(SystemError) -> Bool {
        let device = try Descriptor.open(path, O_RDONLY)
        let fd = device.number
        var number: UInt64 = 0
        var inode: UInt64 = 0
        try checked("inspect", path) { sp_loop_file(fd, &number, &inode) }
        return number == file.device && inode == file.inode
    }

    /// Waits until a file is attached to no device: the kernel detaches a little after the last user has gone.
    package static func waitForRelease(_ file: FileStatus, name: String, deadline: Int) throws(SystemError) {
        let end = sp_clock_ns(CLOCK_MONOTONIC) + UInt64(deadline) * 1_000_000
        while true {
            let left = try holding(file)
            if left.isEmpty { return }
            if sp_clock_ns(CLOCK_MONOTONIC) > end {
                throw SystemError(
                    "detach \"\(name)\" from", left.joined(separator: ", "), .busy,
                    remedy: "A program or another mount namespace still uses it; "
                        + "look with: grep \(left[0]) /proc/*/mountinfo")
            }
            // No event tells of it; 5 ms is the fallback interval.
            _ = sp_poll_one(-1, 0, 5)
        }
    }
}
