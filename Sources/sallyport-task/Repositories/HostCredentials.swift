// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// What this process may use to speak with servers: credentials by reference, and certificates.
struct HostCredentials {
    let environment: [String]

    private static let longestAuthorities = 4 << 20

    /// Reads the secret, for its one use.
    ///
    /// - Parameter asLines: Several lines are one secret, such as a key in PEM.
    func read(_ reference: CredentialReference, asLines: Bool = false) throws(TaskFailure) -> Secret {
        // Nobody of our own id may look into this process from here on. prctl(2), PR_SET_DUMPABLE
        _ = try host { () throws(SystemError) in
            try checked("become", "non-dumpable") { sp_prctl(PR_SET_DUMPABLE, 0, 0) }
        }
        do throws(CredentialError) {
            return try reference.read(asLines: asLines) { name in
                environment.first { $0.hasPrefix(name + "=") }.map { Secret($0.utf8.dropFirst(name.utf8.count + 1)) }
            }
        } catch { throw TaskFailure(error) }
    }

    /// The certificates of a file, or nil where the host's own count.
    func certificates(_ file: String?) throws(TaskFailure) -> [UInt8]? {
        guard let file else { return nil }
        return try host { () throws(SystemError) in
            try Descriptor.open(file, O_RDONLY | O_NONBLOCK).readAll(
                limit: Self.longestAuthorities, subject: "\"\(file)\"")
        }
    }
}
