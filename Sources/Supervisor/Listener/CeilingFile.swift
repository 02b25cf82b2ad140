// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
package import Policy

/// The operator's ceiling as it lies on this host: root's file, no symlink, changed by nobody else.
package struct CeilingFile: Sendable {
    package let ceiling: SessionCeiling
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
        ceiling = try SessionCeiling(bytes, file: path)
        for entry in ceiling.entries { _ = try Self.uid(entry) }
    }

    /// Whoever can write a directory of the path can put another file there.
    private static func requireRootsPath(_ path: String) throws(SystemError) {
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
    package func entry(of uid: UInt32) throws -> SessionCeiling.Entry? {
        for entry in ceiling.entries where try Self.uid(entry) == uid { return entry }
        return nil
    }

    /// Who an entry is about: a number, or an account of /etc/passwd. The name service could ask a network.
    private static func uid(_ entry: SessionCeiling.Entry) throws -> UInt32 {
        let user = entry.user.value
        if let number = UInt32(user), String(number) == user { return number }
        let bytes = try Descriptor.open("/etc/passwd", O_RDONLY | O_NONBLOCK).readAll(
            limit: 16 << 20, subject: "\"/etc/passwd\"")
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            guard fields.count > 2, fields[0].elementsEqual(user.utf8),
                let uid = UInt32(String(decoding: fields[2], as: UTF8.self))
            else { continue }
            return uid
        }
        throw entry.refusal("there is no user \"\(user)\" in /etc/passwd", "Name an account, or give its number.")
    }
}
