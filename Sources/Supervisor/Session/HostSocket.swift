// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
package import Isolation
package import LinuxSystem
package import Policy

/// A Unix socket of the host that a profile grants, looked at where it really lies.
package enum HostSocket {
    /// Opens the file without connecting to it, and refuses what no session may have.
    ///
    /// By the path that the open file has, whatever links led there; what is judged is what is connected to.
    package static func open(_ grant: SocketGrant, _ paths: HostPaths) throws(SystemError) -> Descriptor {
        let subject = "socket \"\(grant.path)\" of the host"
        let found = sp_open(grant.path.text, Int32(O_PATH), 0)
        guard found >= 0 else {
            throw SystemError(
                "grant", subject, Errno(Int32(-found)), remedy: "The service that makes it must run before the session."
            )
        }
        let file = Descriptor(owning: Int32(found))
        guard try FileStatus.of(file, subject: subject).isSocket else {
            throw SystemError("grant", subject, .invalid, remedy: "It is no socket.")
        }
        let place = try resolved(file, subject)
        if let kind = SocketGrant.forbidden(place) {
            throw SystemError(
                "grant", subject, .notPermitted,
                remedy: "It is \"\(place)\", \(kind.words). No profile can grant it.")
        }
        for own in [paths.runtime, paths.state] {
            guard let directory = try ownDirectory(own), directory.contains(place) else { continue }
            throw SystemError(
                "grant", subject, .notPermitted, remedy: "It lies in \"\(own)\", where Sallyport keeps its own files.")
        }
        return file
    }

    /// What is wrong with the sockets of a profile on this host: what cannot be granted is an error, what is not there
    /// now a warning.
    package static func findings(_ profile: Profile, _ paths: HostPaths) -> [LintFinding] {
        profile.egress.rules.enumerated().compactMap { index, rule in
            // What the path itself tells is said without looking.
            guard let grant = rule.socket, SocketGrant.forbidden(grant.path) == nil else { return nil }
            let key = "egress.rules[\(index)]"
            do throws(SystemError) {
                _ = try open(grant, paths)
                return nil
            } catch {
                return profile.finding(
                    error.errno == .noEntry ? .warning : .error, key, "is a grant that fails: \(error.explanationLine)",
                    remedy: error.remedy ?? "Check the path.")
            }
        }
    }

    /// The path of an open file without links. proc(5), /proc/pid/fd
    private static func resolved(_ file: borrowing Descriptor, _ subject: String) throws(SystemError) -> RulePath {
        var buffer = [CChar](repeating: 0, count: 4096)
        let number = file.number
        let length = try checked("resolve", subject) {
            buffer.withUnsafeMutableBufferPointer {
                sp_readlinkat(AT_FDCWD, "/proc/self/fd/\(number)", $0.baseAddress!, $0.count)
            }
        }
        let text = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        do throws(RulePath.Flaw) { return try RulePath(text) } catch {
            throw SystemError("resolve", subject, .invalid, remedy: "It lies at \"\(text.displayed)\".")
        }
    }

    /// Nil where there is none yet.
    private static func ownDirectory(_ path: String) throws(SystemError) -> RulePath? {
        let found = sp_open(path, Int32(O_PATH | O_DIRECTORY), 0)
        if found == -Int(ENOENT) { return nil }
        return try resolved(Descriptor(owning: Int32(try checked("open", "\"\(path)\"") { found })), "\"\(path)\"")
    }
}
