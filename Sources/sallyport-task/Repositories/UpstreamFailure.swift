// SPDX-License-Identifier: Apache-2.0
internal import TaskModel
internal import Workspace

/// Why a transfer with a remote upstream failed, told from what the server answered and how git ended.
struct UpstreamFailure {
    enum Operation: String {
        case read
        case push = "push to"

        /// What is true after it failed.
        var unchanged: String {
            switch self {
            case .read: "The copy is as it was before."
            case .push: "What was delivered lies in the result."
            }
        }
    }

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
        /// It took the push and then refused the branch: a rule or a hook of its own.
        case rejected
        case failed
    }

    let reason: Reason
    private let operation: Operation
    private let hasCredential: Bool
    private let remedy: String
    private let words: String

    /// Nil when the transfer went well.
    ///
    /// - Parameter earlier: Requests of the same run that were answered before.
    init?(_ result: HostGit.Result, _ operation: Operation, earlier: [TransferUse], hasCredential: Bool) {
        guard result.end != .exited(0) else { return nil }
        self.hasCredential = hasCredential
        let lines = result.errors.split(separator: 0x0A).map { PrintableText.escaped($0, longest: 300) }
        let wasTaken = (earlier + result.uses).contains { (200...299).contains($0.status ?? 0) }
        let status = result.uses.last?.status
        let refusal = operation == .push ? Self.refusal(result.output) : nil
        (reason, remedy) =
            switch result.end {
            case .exited(GitProcess.notStarted): (.failed, "See: sallyport doctor.")
            case .late: (.tooSlow, "\(operation.unchanged) Try a longer --timeout.")
            case _ where refusal != nil: (.rejected, "\(operation.unchanged) Look at the rules of the upstream.")
            default:
                operation.explain(
                    status, lines: lines, hadAccess: hasCredential && wasTaken, hasCredential: hasCredential)
            }
        self.operation = operation
        // git's own last words; it names the URL in them, which has no credential.
        let line = refusal ?? lines.last { $0.hasPrefix("fatal: ") || $0.hasPrefix("error: ") } ?? lines.last
        words = [status.map { "HTTP \($0)" }, line].compactMap { $0 }.joined(separator: ", ")
    }

    /// As it is told: what was tried, why it did not come off, and what to do.
    func failure(of url: RemoteURL) -> TaskFailure {
        TaskFailure(
            operation.rawValue, "upstream \(url.text)", "\(reason.rawValue): \(words)", remedy: remedy,
            code: reason.rawValue, blocked: kind.map { BlockedReason($0, words, resource: url.text) })
    }

    /// Nil where a wrong name looks the same, or the answer says nothing.
    private var kind: BlockedReason.Kind? {
        switch reason {
        case .denied: hasCredential ? .authFailure : .missingSecret
        case .expired: .authFailure
        case .unreachable, .cutShort, .tooSlow: .dependencyUnreachable
        case .notFound, .moved, .rejected, .failed: nil
        }
    }

    /// What git prints of the one branch that was not taken: "!<TAB>from:to<TAB>[remote rejected] (why)". git-push(1)
    private static func refusal(_ output: [UInt8]) -> String? {
        guard let line = output.split(separator: 0x0A).first(where: { $0.starts(with: "!\t".utf8) }) else { return nil }
        return line.split(separator: 0x09).last.map { PrintableText.escaped($0, longest: 300) }
    }
}

extension UpstreamFailure.Operation {
    /// - Parameter status: What the last request was answered with; nil where no answer came.
    fileprivate func explain(_ status: Int?, lines: [String], hadAccess: Bool, hasCredential: Bool)
        -> (UpstreamFailure.Reason, String)
    {
        switch status {
        case 403 where self == .push && hasCredential: return (.denied, "Name a credential that may push.")
        case 401, 403:
            guard hasCredential else { return (.denied, "Name a credential with --credential.") }
            guard hadAccess else { return (.denied, "Look whether the credential has expired, and what it allows.") }
            return (.expired, "It was taken a moment ago: renew it, or look whether it was withdrawn, and try again.")
        case 404, 410: return (.notFound, "Check the URL; forges also say so of what a credential may not see.")
        case let status? where (300...399).contains(status): return (.moved, "Name the place where it is now.")
        case let status? where status >= 500: return (.failed, "Try again later.")
        case nil: return (.unreachable, "Check the host's name service, the network and the certificates.")
        default:
            guard lines.contains(where: { line in Self.cuts.contains { line.contains($0) } }) else {
                return (.failed, "\(unchanged) Remove the cause, and try again.")
            }
            return (.cutShort, "\(unchanged) Try again.")
        }
    }

    /// What git says, in the C locale, of an answer that ends too early. http.c, remote-curl.c and pkt-line.c of git
    private static let cuts = ["RPC failed", "early EOF", "unexpected disconnect", "hung up", "unexpectedly closed"]
}
