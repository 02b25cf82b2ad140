// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// How servers of upstreams are talked to: with which credential, by reference, and whom to trust.
///
/// The secret is read anew for each transfer and is nowhere between two of them, so one that is renewed meanwhile counts.
struct UpstreamAccess {
    let environment: [String]
    var credential: CredentialReference?
    /// Makes what is sent, where that is not the credential itself but a token that it was given for.
    var minted: (() throws(TaskFailure) -> Secret)?
    /// A file of certificates to trust instead of the host's.
    var authorities: String?
    /// Longest time for one call of git.
    var seconds = HostGit.longest

    /// git, ready for one transfer with a server.
    ///
    /// - Parameter identity: Who talks; nil keeps the caller's.
    func git(_ processes: ChildProcess, _ url: RemoteURL, identity: Confinement.Identity?) throws(TaskFailure)
        -> HostGit
    {
        try check(url)
        return HostGit(
            processes: processes, seconds: seconds, url: url, identity: identity, credential: try secret(),
            authorities: try certificates())
    }

    /// Whether a credential may go there.
    func check(_ url: RemoteURL) throws(TaskFailure) {
        guard credential == nil || url.isSecure || url.isLoopback else {
            throw TaskFailure(
                "send", "a credential to \(url.origin)", "it is plain HTTP, which everybody on the way can read",
                remedy: "Use https.")
        }
    }

    private func secret() throws(TaskFailure) -> Secret? {
        if let minted { return try minted() }
        guard let credential else { return nil }
        // Nobody of our own id may look into this process from here on. prctl(2), PR_SET_DUMPABLE
        _ = try host { () throws(SystemError) in
            try checked("become", "non-dumpable") { sp_prctl(PR_SET_DUMPABLE, 0, 0) }
        }
        do throws(CredentialError) {
            return try credential.read { name in
                environment.first { $0.hasPrefix(name + "=") }.map { Secret($0.utf8.dropFirst(name.utf8.count + 1)) }
            }
        } catch { throw TaskFailure(error) }
    }

    private func certificates() throws(TaskFailure) -> [UInt8]? {
        guard let authorities else { return nil }
        return try host { () throws(SystemError) in
            try Descriptor.open(authorities, O_RDONLY | O_NONBLOCK).readAll(
                limit: 4 << 20, subject: "\"\(authorities)\"")
        }
    }
}
