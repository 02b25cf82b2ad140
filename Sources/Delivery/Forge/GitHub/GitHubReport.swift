// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Secrets
internal import Workspace

/// What kept a call from being answered, and whether time cures it.
struct GitHubProblem: Error {
    enum Cure {
        case none
        /// It was not done, and is welcome after so many milliseconds.
        case wait(Int)
        /// It may go better a little later; unknown is whether it was done nevertheless.
        case repeating(isUnknown: Bool)
    }

    let error: ForgeError
    let cure: Cure

    /// Of a call that must not be sent twice.
    var uncertain: ForgeError {
        ForgeError(
            .uncertain, error.operation, error.subject, "nobody knows whether it was done: \(error.reason)",
            remedy: "Look there, and do by hand what is missing.")
    }
}

/// Reads what GitHub says of a call that it did not do. Of its words one bounded line of printable ASCII is shown.
///
/// - SeeAlso: GitHub REST documentation: "Troubleshooting the REST API", "Rate limits", "Best practices".
struct GitHubReport {
    let call: GitHubCall
    let address: GitHubAddress
    /// Milliseconds since 1970.
    let now: Int

    static let remedy = "Find out who answers there; see docs/forges.md."
    /// The least that is waited where it does not say how long.
    private static let unnamedPause = 60_000

    var subject: String { "\(call.words.subject) of \(address.text)" }

    func error(_ code: ForgeError.Code, _ reason: String, remedy: String) -> ForgeError {
        ForgeError(code, call.words.operation, subject, reason, remedy: remedy)
    }

    var notJSON: ForgeError {
        error(
            .malformed, "its answer is no JSON: something else is behind that address, such as the page of a proxy",
            remedy: "Check --forge-url.")
    }

    /// Whether a header Link names a next page. RFC 8288
    static func hasNext(_ link: String?) -> Bool {
        link?.split(separator: ",").contains { $0.split(separator: ";").contains { $0.contains("rel=\"next\"") } }
            == true
    }

    // MARK: No answer

    func problem(_ failure: HTTPSFailure) -> GitHubProblem {
        let origin = address.graph.origin
        switch failure.kind {
        case .address: return .init(error: error(.refused, failure.reason, remedy: "Report this."), cure: .none)
        case .untrusted:
            return .init(
                error: error(
                    .unreachable, "\(origin) is not trusted: \(failure.reason)",
                    remedy: "Check the host's certificates, or name the server's with --ca-file."), cure: .none)
        case .tooLong, .malformed:
            return .init(error: error(.malformed, failure.reason, remedy: Self.remedy), cure: .none)
        case .unreachable, .slow, .cutShort:
            return .init(
                error: error(
                    .unreachable, "\(origin): \(failure.reason)",
                    remedy: "Check the host's name service and its network, and try again."),
                cure: .repeating(isUnknown: !failure.wasNotSent))
        }
    }

    // MARK: An answer

    /// Nil when the call was done.
    func problem(_ response: HTTPSResponse, _ json: JSON?) -> GitHubProblem? {
        let words = said(json)
        switch response.status {
        case 200...299: return call.isGraph ? graphProblem(response, json) : nil
        case 300...399:
            return .init(
                error: error(
                    .moved, "it answers with another place (HTTP \(response.status))",
                    remedy: "Name the repository as it is called now; nothing is followed."), cure: .none)
        case 401:
            return .init(
                error: error(
                    .credential, "the credential is not taken\(words)",
                    remedy: "Look whether it has expired or was withdrawn."), cure: .none)
        case 403, 429: return limit(response, json) ?? .init(error: forbidden(response, words), cure: .none)
        case 404, 410: return .init(error: missing(words), cure: .none)
        case 422: return .init(error: unprocessable(json, words), cure: .none)
        case 500...599:
            return .init(
                error: error(
                    .failed, "it failed there (HTTP \(response.status))", remedy: "Try again later."),
                cure: .repeating(isUnknown: true))
        default:
            return .init(
                error: error(.refused, "it was refused (HTTP \(response.status))\(words)", remedy: Self.remedy),
                cure: .none)
        }
    }

    /// Its own sentence, in brackets.
    private func said(_ json: JSON?) -> String {
        guard let text = json?["message"]?.stringValue, !text.isEmpty else { return "" }
        return " (\"\(Self.line(text))\")"
    }

    private static func line(_ text: String) -> String {
        PrintableText.escaped(Redactor.redacted(text).utf8, longest: 200)
    }

    private func forbidden(_ response: HTTPSResponse, _ words: String) -> ForgeError {
        // What would have been enough, such as "pull_requests=write".
        let wanted = response.header("x-accepted-github-permissions").flatMap { text in
            let known = text.utf8.allSatisfy { (0x61...0x7A).contains($0) || "_=,; ".utf8.contains($0) }
            return known && text.utf8.count <= 200 ? text : nil
        }
        if response.header("x-github-sso") != nil {
            return error(
                .forbidden, "the organisation wants the token authorised for its single sign-on",
                remedy: "Authorise it in the token's settings.")
        }
        return error(
            .forbidden, "the credential does not allow it\(words)",
            remedy: wanted.map { "It takes the permission \($0)." }
                ?? "Look at the permissions of the token or the App; see docs/forges.md.")
    }

    private func missing(_ words: String) -> ForgeError {
        switch call {
        case .pull:
            return error(
                .notOpen, "there is none, or the credential may not see it\(words)",
                remedy: "Check the number, and the repositories of the credential.")
        case .installation:
            return error(
                .notFound, "the App is not installed there\(words)",
                remedy: "Install it for this repository, or check --app-id.")
        default:
            return error(
                .notFound, "there is none, or the credential may not see it\(words)",
                remedy: "Check name and number, and the repositories of the credential.")
        }
    }

    private func unprocessable(_ json: JSON?, _ words: String) -> ForgeError {
        let errors = json?["errors"]?.arrayValue ?? []
        let texts = errors.map { $0["message"]?.stringValue ?? $0.stringValue ?? "" }
        if case .openPull = call, texts.contains(where: { $0.hasPrefix("A pull request already exists") }) {
            return error(
                .exists, "one is open already", remedy: "Work on that one with --type pr_iteration and its number.")
        }
        let fields = errors.prefix(5).map { entry in
            let field = entry["field"]?.stringValue ?? entry["resource"]?.stringValue ?? ""
            let reason = entry["message"]?.stringValue ?? entry["code"]?.stringValue ?? entry.stringValue ?? ""
            return Self.line(field.isEmpty ? reason : "\(field): \(reason)")
        }.filter { !$0.isEmpty }
        let details = fields.isEmpty ? words : " (\(fields.joined(separator: "; ")))"
        if case .mint = call {
            return error(
                .forbidden, "the App's installation does not have the permissions that a task takes\(details)",
                remedy: "Give it contents, pull requests and issues as docs/forges.md says.")
        }
        return error(.invalid, "it is not as it must be\(details)", remedy: Self.remedy)
    }

    // MARK: Limits

    /// Nil when it was no limit that was met.
    private func limit(_ response: HTTPSResponse, _ json: JSON?) -> GitHubProblem? {
        let pause: Int
        if let seconds = response.header("retry-after") {
            pause = Int(seconds).map { min(max(1, $0), 1_000_000) * 1000 } ?? Self.unnamedPause
        } else if response.header("x-ratelimit-remaining") == "0", let text = response.header("x-ratelimit-reset"),
            let reset = Int(text), (0...(1 << 40)).contains(reset)
        {
            // A second more, for clocks that differ.
            pause = max(0, reset * 1000 - now) + 1000
        } else if response.status == 429
            || json?["message"]?.stringValue?.lowercased().contains("rate limit") == true
        {
            pause = Self.unnamedPause
        } else {
            return nil
        }
        return .init(
            error: error(
                .rateLimited, "it asks for a pause of \((pause + 999) / 1000) seconds",
                remedy: "Try again after it, or use a credential with a limit of its own."), cure: .wait(pause))
    }

    private func graphProblem(_ response: HTTPSResponse, _ json: JSON?) -> GitHubProblem? {
        guard let first = json?["errors"]?.arrayValue?.first else { return nil }
        let words = said(first)
        switch first["type"]?.stringValue {
        case "RATE_LIMITED":
            return limit(response, first)
                ?? .init(
                    error: error(
                        .rateLimited, "it asks for a pause", remedy: "Try again after it."),
                    cure: .wait(Self.unnamedPause))
        case "NOT_FOUND": return .init(error: missing(words), cure: .none)
        case "FORBIDDEN", "INSUFFICIENT_SCOPES": return .init(error: forbidden(response, words), cure: .none)
        default: return .init(error: error(.refused, "it was refused\(words)", remedy: Self.remedy), cure: .none)
        }
    }
}
