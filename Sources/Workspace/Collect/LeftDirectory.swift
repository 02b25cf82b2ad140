// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem

/// A directory that an agent left, opened name by name and never written.
///
/// Every name is one component: nothing leads out of the directory, along a symlink, onto another mount, or waits for
/// a FIFO's writer. openat2(2)
package struct LeftDirectory: ~Copyable {
    private let fd: Descriptor

    package init(owning fd: consuming Descriptor) { self.fd = fd }

    /// The names in it, sorted by bytes.
    borrowing func names() throws(SystemError) -> [[UInt8]] {
        // A descriptor of its own: the read position belongs to the open file. lseek(2)
        let listing = try Self.open(fd.number, Array(".".utf8), O_RDONLY | O_DIRECTORY)
        return try listing.directoryEntries(subject: "a directory").sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// What a name stands for; nil when there is none.
    borrowing func status(_ name: [UInt8]) throws(SystemError) -> FileStatus? {
        do {
            return try FileStatus.at(fd.number, Self.path(name), subject: "a name")
        } catch {
            if error.errno == .noEntry { return nil }
            throw error
        }
    }

    borrowing func directory(_ name: [UInt8]) throws(SystemError) -> LeftDirectory {
        LeftDirectory(owning: try Self.open(fd.number, name, O_RDONLY | O_DIRECTORY))
    }

    /// A regular file; anything else by that name is EINVAL.
    borrowing func file(_ name: [UInt8]) throws(SystemError) -> Descriptor {
        let file = try Self.open(fd.number, name, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        guard try FileStatus.of(file, subject: "a file").isRegular else {
            throw SystemError("read", "a file", .invalid)
        }
        return file
    }

    /// The bytes of a small regular file; nil when there is none.
    borrowing func read(_ name: String, limit: Int) throws(SystemError) -> [UInt8]? {
        do {
            return try file(Array(name.utf8)).readAll(limit: limit, subject: "a file")
        } catch {
            if error.errno == .noEntry { return nil }
            throw error
        }
    }

    borrowing func linkTarget(_ name: [UInt8]) throws(SystemError) -> [UInt8] {
        let directory = fd.number
        let path = Self.path(name)
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = try checked("read", "a symlink") {
            buffer.withUnsafeMutableBufferPointer { sp_readlinkat(directory, path, $0.baseAddress!, $0.count) }
        }
        return buffer[..<length].map { UInt8(bitPattern: $0) }
    }

    private static func open(_ directory: Int32, _ name: [UInt8], _ flags: Int32) throws(SystemError) -> Descriptor {
        let path = path(name)
        let rules =
            SP_RESOLVE_BENEATH | SP_RESOLVE_NO_SYMLINKS | SP_RESOLVE_NO_MAGICLINKS | SP_RESOLVE_NO_XDEV
        return Descriptor(
            owning: Int32(
                try checked("open", "a name") {
                    sp_openat2(directory, path, UInt64(UInt32(bitPattern: flags)), 0, rules)
                }))
    }

    private static func path(_ name: [UInt8]) -> [CChar] { name.map { CChar(bitPattern: $0) } + [0] }
}
