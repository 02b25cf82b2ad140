// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
package import Policy

/// The operator's ceiling as it lies on this host: root's file, no symlink, changed by nobody else.
package struct CeilingFile: Sendable {
    package let ceiling: SessionCeiling
    /// Who each entry is about.
    private let uids: [UInt32]
    package static let standard = EgressCeiling.path
    private static let longest = 262_144

    /// - Throws: where the file is missing too: without it nobody is served.
    package init(_ path: String = standard) throws {
        let bytes: [UInt8]
        do throws(SystemError) {
            try Self.requireRootsPath(path)
            bytes = try TrustedFile.open(path, what: "ceiling ", owner: .root).readAll(
                limit: Self.longest, subject: "\"\(path)\"")
        } catch {
            guard error.errno == .noEntry else { throw error }
            throw SystemError(
                "find", "the ceiling \"\(path)\"", .noEntry,
                remedy: "Say there who may have sessions; see docs/supervise.md.")
        }
        let ceiling = try SessionCeiling(bytes, file: path)
        let accounts = try Accounts()
        self.ceiling = ceiling
        uids = try ceiling.entries.map { try Self.uid($0, accounts) }
    }

    /// Whoever can write a directory of the path can put another file there.
    fileprivate static func requireRootsPath(_ path: String) throws(SystemError) {
        var partial = ""
        for part in [Substring("")] + path.split(separator: "/").dropLast() {
            partial += part.isEmpty ? "" : "/" + part
            let name = partial.isEmpty ? "/" : partial
            let status = try FileStatus.path(name)
            guard !status.isSymlink else {
                throw SystemError(
                    "trust", "ceiling \"\(path)\"", .symlinkLoop,
                    remedy: "\"\(name)\" is a symlink; give the real path.")
            }
            // A sticky directory lets nobody but a file's owner replace it: that is how tests have one.
            let isOpen = status.permissions & 0o022 != 0 && status.permissions & 0o1000 == 0
            guard status.uid == 0, !isOpen else {
                throw SystemError(
                    "trust", "ceiling \"\(path)\"", .notPermitted,
                    remedy: "\"\(name)\" must belong to root, and nobody else may write it.")
            }
        }
    }

    /// What a user may have; nil for one whom no entry names.
    package func entry(of uid: UInt32) -> SessionCeiling.Entry? {
        uids.firstIndex(of: uid).map { ceiling.entries[$0] }
    }

    /// Who an entry is about: a number, or an account.
    private static func uid(_ entry: SessionCeiling.Entry, _ accounts: Accounts) throws -> UInt32 {
        let user = entry.user.value
        if let number = UInt32(user), String(number) == user { return number }
        if let uid = accounts.uid(of: user) { return uid }
        throw entry.refusal("there is no user \"\(user)\" in /etc/passwd", "Name an account, or give its number.")
    }
}

/// The ceiling as it is now, read anew when the file or the accounts have changed: everybody on this host can have it asked.
struct CurrentCeiling {
    private let path: String
    private var file: CeilingFile
    /// Of the ceiling and of /etc/passwd, from before they were read; empty where they are to be read again.
    private var seen: [FileStatus] = []
    /// How often it was read.
    private(set) var reads = 1
    private let clock: () -> Int64

    /// - Parameter clock: Nanoseconds since 1970.
    init(_ path: String, clock: @escaping () -> Int64 = { Int64(clamping: sp_clock_ns(CLOCK_REALTIME)) }) throws {
        self.path = path
        self.clock = clock
        file = try CeilingFile(path)
    }

    mutating func entry(of uid: UInt32) throws -> SessionCeiling.Entry? {
        // Whoever could change a directory of the path could have put another file there.
        try CeilingFile.requireRootsPath(path)
        let now = look()
        if now.isEmpty || now != seen {
            seen = []
            reads += 1
            file = try CeilingFile(path)
            seen = now
        }
        return file.entry(of: uid)
    }

    private func look() -> [FileStatus] {
        do throws(SystemError) {
            let statuses = [try FileStatus.path(path), try FileStatus.path(Accounts.file)]
            // A second change within one tick of the kernel's clock would look like none. inode(7)
            let settled = clock() - 1_000_000_000
            return statuses.allSatisfy { $0.changedNanoseconds < settled } ? statuses : []
        } catch {
            // Whoever reads it says what is wrong.
            return []
        }
    }
}
