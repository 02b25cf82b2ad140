// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import LinuxSystem

@testable import Changes

/// Two layers of a simulated overlay and room for sets, removed at the end.
///
/// Whiteouts are made as the kernel makes them: a character device 0:0, which anyone may create. mknod(2)
final class Scratch {
    let path: String
    var upper: String { "\(path)/t/u" }
    var lower: String { "\(path)/lower" }

    /// Memory where it holds attributes of users (6.6), since applying waits for the disk.
    static let home = tmpfsHoldsAttributes ? "/dev/shm" : getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"

    static let tmpfsHoldsAttributes: Bool = {
        do {
            let s = try Scratch(in: "/dev/shm")
            try s.attribute(s.upper, "user.probe", "1")
            return true
        } catch { return false }
    }()

    init(in directory: String = Scratch.home) throws {
        var template = Array("\(directory)/changes-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno(errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        for directory in ["t", "t/u", "lower", "sets"] { try check(mkdir("\(path)/\(directory)", 0o755)) }
    }

    deinit { _ = system("chmod -R u+rwX '\(path)' 2>/dev/null; rm -rf '\(path)'") }

    func check(_ result: Int32) throws { if result < 0 { throw Errno(errno) } }

    func file(_ path: String, _ content: String, mode: UInt32 = 0o644) throws {
        try parents(path)
        let fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try check(fd)
        defer { close(fd) }
        let bytes = Array(content.utf8)
        guard write(fd, bytes, bytes.count) == bytes.count else { throw Errno(errno) }
        try check(fchmod(fd, mode))
    }

    func directory(_ path: String) throws {
        try parents(path)
        if mkdir(path, 0o755) < 0 && errno != EEXIST { throw Errno(errno) }
    }

    private func parents(_ path: String) throws {
        var at = self.path
        for part in path.dropFirst(at.count + 1).split(separator: "/").dropLast() {
            at += "/\(part)"
            if mkdir(at, 0o755) < 0 && errno != EEXIST { throw Errno(errno) }
        }
    }

    func link(_ path: String, _ target: String) throws {
        try parents(path)
        try check(symlink(target, path))
    }

    func whiteout(_ path: String) throws {
        try parents(path)
        try check(mknod(path, S_IFCHR, 0))
    }

    func attribute(_ path: String, _ name: String, _ value: String) throws {
        let bytes = Array(value.utf8)
        let fd = open(path, O_RDONLY)
        try check(fd)
        defer { close(fd) }
        let result = sp_fsetxattr(fd, name, bytes, bytes.count)
        if result < 0 { throw Errno(Int32(-result)) }
    }

    func text(_ path: String) -> String? {
        let fd = open(path, O_RDONLY | O_NOFOLLOW)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let got = read(fd, &bytes, bytes.count)
        return got < 0 ? nil : String(decoding: bytes.prefix(got), as: UTF8.self)
    }

    func target(_ path: String) -> String? {
        var bytes = [CChar](repeating: 0, count: 4096)
        let got = readlink(path, &bytes, bytes.count)
        return got < 0 ? nil : String(decoding: bytes.prefix(got).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func status(_ path: String) -> stat? {
        var s = stat()
        return lstat(path, &s) == 0 ? s : nil
    }

    /// Every path beneath a directory with its kind, mode and content, to compare trees by.
    func tree(_ root: String) throws -> [String] {
        var found: [String] = []
        func walk(_ path: String, _ shown: String) throws {
            let directory = try Directory.open(path)
            for name in try directory.names() {
                let text = String(decoding: name, as: UTF8.self)
                let full = "\(path)/\(text)"
                guard let s = status(full) else { continue }
                let mode = String(s.st_mode & 0o7777, radix: 8)
                switch s.st_mode & S_IFMT {
                case S_IFDIR:
                    found.append("\(shown)\(text)/ \(mode)")
                    try walk(full, "\(shown)\(text)/")
                case S_IFLNK: found.append("\(shown)\(text) -> \(target(full) ?? "?")")
                default: found.append("\(shown)\(text) \(mode) \(self.text(full) ?? "?")")
                }
            }
        }
        try walk(root, "")
        return found
    }

    private var sets = 0

    /// After everything that a test prepares: the lower tree is then what the session started from.
    static let later: UInt64 = 7_258_118_400_000

    /// Collects the upper layer against the lower one, and opens the result.
    func collect(budget: ChangeBudget = ChangeBudget(bytes: 1 << 30), withLower: Bool = true, started: UInt64 = later)
        throws -> ChangeSet
    {
        sets += 1
        let name = "set\(sets)"
        let mount = try Directory.open("\(path)/t")
        let lowerTree = try Directory.open(lower)
        let output = try Descriptor.open("\(path)/sets/\(name)", O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        let collected = try Collector.collect(
            upper: mount.fd.number, lower: withLower ? lowerTree.fd.number : nil, output: output.number,
            session: "s1", created: started, budget: budget)
        let set = try ChangeSet.open(Directory.open("\(path)/sets"), name)
        guard set.summary == collected.summary,
            try set.entries().count(where: \.isLeftOut) == Int(collected.leftOut)
        else { throw Errno(EBADMSG) }
        return set
    }

    func apply(
        _ set: ChangeSet, accept: Bool = false, partial: Bool = false,
        observe: ((ApplyEffect) throws(ChangeError) -> Void)? = nil
    )
        throws -> ApplyReport
    {
        let workspace = try Directory.open(lower)
        return try Applier.apply(
            set, to: workspace, options: ApplyOptions(acceptFlagged: accept, acceptPartial: partial, umask: 0o022),
            observe: observe)
    }
}

/// `A path`, `D path` and so on, as the report letters them.
func letters(_ set: ChangeSet) throws -> [String] {
    try set.entries().map { "\(ChangeReport.letter($0)) \($0.shownPath)" }
}

/// SplitMix64: the same sequence for the same seed on every machine.
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
