// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
internal import Workspace

/// How servers of upstreams are talked to: with which credential, by reference, and whom to trust.
///
/// The secret is read anew for each transfer and is nowhere between two of them, so one that is renewed meanwhile counts.
struct UpstreamAccess {
    private let credentials: HostCredentials
    var credential: CredentialReference?
    /// Makes what is sent, where that is not the credential itself but a token that it was given for.
    var minted: (() throws(TaskFailure) -> Secret)?
    /// A file of certificates to trust instead of the host's.
    var authorities: String?
    /// Longest time for one call of git.
    var seconds = HostGit.longest

    init(environment: [String]) { credentials = HostCredentials(environment: environment) }

    /// git, ready for one transfer with a server.
    ///
    /// - Parameter identity: Who talks; nil keeps the caller's.
    func git(_ processes: ChildProcess, _ url: RemoteURL, identity: Confinement.Identity?) throws(TaskFailure)
        -> HostGit
    {
        try check(url)
        return HostGit(
            processes: processes, seconds: seconds, url: url, identity: identity, credential: try secret(),
            authorities: try credentials.certificates(authorities))
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
        return try credential.map { (reference) throws(TaskFailure) in try credentials.read(reference) }
    }
}
