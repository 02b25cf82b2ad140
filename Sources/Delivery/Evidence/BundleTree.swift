// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// One entry of a bundle's directory as the kernel describes it.
enum BundleEntry: Equatable {
    case file(size: UInt64)
    case directory
    /// A link, a pipe, a device: nothing that a bundle holds.
    case foreign

    init(_ status: FileStatus) {
        self = status.isRegular ? .file(size: status.size) : status.isDirectory ? .directory : .foreign
    }
}

/// Reads the files of a bundle, which may come from anywhere: nothing is followed, opened or read that was not looked at
/// before, and never more than was said.
struct BundleTree: ~Copyable {
    private let root: Directory

    init(_ root: consuming Directory) { self.root = root }

    /// The names in a directory and what they are, sorted; at most `limit` of them and one more.
    borrowing func entries(of path: String, limit: Int) throws(SystemError) -> [(name: [UInt8], entry: BundleEntry)] {
        let directory = path.isEmpty ? try root.directory(".") : try root.directory(path)
        let names = try directory.fd.directoryEntries(subject: "\"\(directory.path)\"", limit: limit)
        var result: [(name: [UInt8], entry: BundleEntry)] = []
        for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            let status = try FileStatus.at(
                directory.fd.number, name.map { CChar(bitPattern: $0) } + [0], subject: "\"\(directory.path)\"")
            result.append((name, BundleEntry(status)))
        }
        return result
    }

    /// What a path is; nil when there is nothing.
    borrowing func entry(_ path: String) throws(SystemError) -> BundleEntry? {
        try root.contains(path) ? BundleEntry(try root.status(path)) : nil
    }

    /// The bytes of a file that has at most `limit` of them.
    borrowing func read(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
        try open(path).readAll(limit: limit, subject: "\"\(root.path)/\(path)\"")
    }

    /// The digest of a file of known size; nil when it has another size by now.
    borrowing func digest(_ path: String, size: UInt64) throws(SystemError) -> String? {
        let file = try open(path)
        var digest = RunningDigest()
        var left = size
        while true {
            // One byte more than what is left, so that a longer file shows.
            let piece = try file.readPiece(Int(min(left + 1, 1 << 17)), subject: "\"\(root.path)/\(path)\"")
            if piece.isEmpty { break }
            guard UInt64(piece.count) <= left else { return nil }
            left -= UInt64(piece.count)
            digest.update(piece)
        }
        return left == 0 ? hexadecimal(digest.finish()) : nil
    }

    /// Opens a plain file; a pipe that was put in its place meanwhile is not waited for.
    private borrowing func open(_ path: String) throws(SystemError) -> Descriptor {
        let file = try root.open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY)
        guard try FileStatus.of(file, subject: "\"\(root.path)/\(path)\"").isRegular else {
            throw SystemError("read", "\"\(root.path)/\(path)\"", .invalid, remedy: "It is no plain file.")
        }
        return file
    }
}

extension Descriptor {
    fileprivate borrowing func readPiece(_ limit: Int, subject: String) throws(SystemError) -> [UInt8] {
        let fd = number
        var bytes = [UInt8](repeating: 0, count: limit)
        let got = try checked("read", subject) {
            bytes.withUnsafeMutableBytes { sp_read(fd, $0.baseAddress!, $0.count) }
        }
        bytes.removeSubrange(got...)
        return bytes
    }
}
