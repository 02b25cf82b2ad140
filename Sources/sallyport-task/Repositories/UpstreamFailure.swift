// SPDX-License-Identifier: Apache-2.0
internal import TaskModel
internal import Workspace

/// Why a remote upstream could not be read, told from what the server answered and how git ended.
struct UpstreamFailure {
    enum Reason: String {
        /// The credential is missing, wrong, or allows too little.
        case denied
        /// The credential was taken at first, and is not any more.
        case expired
        case notFound = "not_found"
        /// It answers with another place.
        case moved
        /// No answer came at all.
        case unreachable
        /// It went away in the middle of an answer.
        case cutShort = "cut_short"
        /// It did not come to an end.
        case tooSlow = "too_slow"
        case failed
    }

    let reason: Reason
    private let hasCredential: Bool
    private let remedy: String
    private let words: String

    /// Nil when the transfer went well.
    ///
    /// - Parameter earlier: Requests of the same run that were answered before.
    init?(_ result: HostGit.Result, earlier: [TransferUse], hasCredential: Bool) {
        guard result.end != .exited(0) else { return nil }
        self.hasCredential = hasCredential
        let lines = result.errors.split(separator: 0x0A).map { PrintableText.escaped($0, longest: 300) }
        let wasTaken = (earlier + result.uses).contains { (200...299).contains($0.status ?? 0) }
        let status = result.uses.last?.status
        (reason, remedy) =
            switch result.end {
            case .exited(GitProcess.notStarted): (.failed, "See: sallyport doctor.")
            case .late: (.tooSlow, "The copy is as it was before. Try a longer --timeout.")
            default:
                Self.explain(
                    status, lines: lines, hadAccess: hasCredential && wasTaken, hasCredential: hasCredential)
            }
        // git's own last words; it names the URL in them, which has no credential.
        let line = lines.last { $0.hasPrefix("fatal: ") || $0.hasPrefix("error: ") } ?? lines.last
        words = [status.map { "HTTP \($0)" }, line].compactMap { $0 }.joined(separator: ", ")
    }

    /// As it is told: what was read, why it could not be, and what to do.
    func failure(of url: RemoteURL) -> TaskFailure {
        TaskFailure(
            "read", "upstream \(url.text)", "\(reason.rawValue): \(words)", remedy: remedy, code: reason.rawValue,
            blocked: kind.map { BlockedReason($0, words, resource: url.text) })
    }

    /// Nil where a wrong name looks the same, or the answer says nothing.
    private var kind: BlockedReason.Kind? {
        switch reason {
        case .denied: hasCredential ? .authFailure : .missingSecret
        case .expired: .authFailure
        case .unreachable, .cutShort, .tooSlow: .dependencyUnreachable
        case .notFound, .moved, .failed: nil
        }
    }

    /// - Parameter status: What the last request was answered with; nil where no answer came.
    private static func explain(_ status: Int?, lines: [String], hadAccess: Bool, hasCredential: Bool)
        -> (Reason, String)
    {
        switch status {
        case 401, 403:
            guard hasCredential else { return (.denied, "Name a credential with --credential.") }
            guard hadAccess else { return (.denied, "Look whether the credential has expired, and what it allows.") }
            return (.expired, "It was taken a moment ago: renew it, or look whether it was withdrawn, and try again.")
        case 404, 410: return (.notFound, "Check the URL; forges also say so of what a credential may not see.")
        case let status? where (300...399).contains(status): return (.moved, "Name the place where it is now.")
        case let status? where status >= 500: return (.failed, "Try again later.")
        case nil: return (.unreachable, "Check the host's name service, the network and the certificates.")
        default:
            guard lines.contains(where: { line in cuts.contains { line.contains($0) } }) else {
                return (.failed, "The copy is as it was before. Remove the cause, and try again.")
            }
            return (.cutShort, "The copy is as it was before. Try again.")
        }
    }

    /// What git says, in the C locale, of an answer that ends too early. http.c, remote-curl.c and pkt-line.c of git
    private static let cuts = ["RPC failed", "early EOF", "unexpected disconnect", "hung up", "unexpectedly closed"]
}
