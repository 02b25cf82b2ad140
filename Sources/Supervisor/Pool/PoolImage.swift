// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// The file that holds the pool's file system: by its directory, which is held open, and its name there.
///
/// Root's alone, like its directory: whoever could read it could read what every session writes, and whoever could
/// write it could feed the kernel a file system of his own making.
struct PoolImage: ~Copyable {
    let directory: Directory
    let name: String
    var path: String { "\(directory.path)/\(name)" }
    /// Under this name until it is whole.
    var part: String { ".\(name).part" }

    static func at(_ path: String) throws(SystemError) -> PoolImage {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let name = String(path[slash...].dropFirst())
        guard path.hasPrefix("/"), !name.isEmpty, ![".", ".."].contains(name), name.utf8.count <= 200 else {
            throw SystemError(
                "use", "\"\(path)\" for the pool", .invalid, remedy: "Give the absolute path of a file to be made.")
        }
        let parent = slash == path.startIndex ? "/" : String(path[..<slash])
        let directory = try Directory.open(parent)
        let status = try FileStatus.of(directory.fd, subject: "\"\(parent)\"")
        guard status.uid == geteuid(), status.permissions & 0o022 == 0 else {
            throw SystemError(
                "trust", "directory \"\(parent)\"", .notPermitted,
                remedy: "The pool's directory must belong to root and be writable by nobody else.")
        }
        return PoolImage(directory: directory, name: name)
    }

    borrowing func exists() throws(SystemError) -> Bool { try directory.contains(name) }

    borrowing func status() throws(SystemError) -> FileStatus { try directory.status(name) }

    /// Opens the whole image, after a look that it is still what we made.
    borrowing func open() throws(SystemError) -> Descriptor {
        let file = try directory.open(name, O_RDWR)
        let status = try FileStatus.of(file, subject: "\"\(path)\"")
        guard status.isRegular, status.uid == geteuid(), status.permissions & 0o077 == 0, status.links == 1 else {
            throw SystemError(
                "trust", "pool image \"\(path)\"", .notPermitted,
                remedy: "It must be a regular file of root's with mode 600 and one name. "
                    + "Run `sallyport pool remove` and `sallyport pool create`.")
        }
        return file
    }

    // MARK: Making one

    /// Makes the file, sparse, with an ext4 file system in it, still under its passing name.
    borrowing func format(bytes: UInt64) throws(SystemError) {
        let mkfs = try Self.formatter()
        try directory.removeTree(Array(part.utf8))
        let file = try directory.open(part, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
        let fd = file.number
        try checked("size", "\"\(path)\"") { sp_ftruncate(fd, Int64(bytes)) }
        let null = try Descriptor.open("/dev/null", O_RDWR)
        let formatting = ChildProgram(
            path: mkfs, arguments: Self.options + ["\(directory.path)/\(part)"],
            environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"], standard: [null.number, 2, 2])
        let status = try formatting.run()
        guard status == 0 else {
            throw SystemError(
                "format", "\"\(path)\"", .io, remedy: "\(mkfs) ended with status \(status); what it said is above.")
        }
        // Its content is on disk before its name says that it is whole.
        try checked("write out", "\"\(path)\"") { sp_fsync(fd) }
    }

    /// Gives the formatted file its name; a file that has it already is never replaced.
    borrowing func publish() throws(SystemError) {
        let dir = directory.fd.number
        try checked("name", "\"\(path)\"") { sp_renameat2(dir, part, dir, name, UInt32(RENAME_NOREPLACE)) }
        try checked("write out", "\"\(directory.path)\"") { sp_fsync(dir) }
    }

    borrowing func remove() throws(SystemError) {
        try directory.removeTree(Array(part.utf8))
        try directory.removeTree(Array(name.utf8))
    }

    /// Blocks of a page, since small images get smaller ones and limits are counted in pages; inodes that hold attributes;
    /// one for each 8 KiB, since a source tree has many small files; none reserved for root, who writes nothing there; on
    /// an error nothing more is written. What is not written now stays a hole. mke2fs(8)
    private static let options = [
        "-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-i", "8192", "-m", "0", "-e", "remount-ro", "-L",
        "sallyport", "-O", "quota,project", "-E", "quotatype=prjquota,lazy_itable_init=1,lazy_journal_init=1",
    ]

    private static func formatter() throws(SystemError) -> String {
        for path in ["/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4"] where access(path, X_OK) == 0 { return path }
        throw SystemError(
            "find", "\"/usr/sbin/mkfs.ext4\"", .noEntry,
            remedy: "Install the package e2fsprogs (apt-get install e2fsprogs).")
    }
}
