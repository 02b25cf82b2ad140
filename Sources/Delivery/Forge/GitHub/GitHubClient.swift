// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Glibc
package import LinuxSystem

/// Sends calls to GitHub, waits where it asks for that, repeats what may be repeated, and reads the answers strictly.
///
/// What it says is anybody's text. An answer that holds the credential is refused whole: whoever sends it back wants it
/// written down somewhere.
package struct GitHubClient {
    package let address: GitHubAddress
    private let connection: HTTPSClient
    private let credential: Secret?
    private let uses: ForgeUses
    let clock: ForgeClock

    /// Longest wait for one call, all in all, in milliseconds.
    static let patience = 120_000
    /// How often a call is sent at most.
    static let mostTries = 4

    /// - Parameters:
    ///   - credential: A token, or the signed statement of an App; nil asks as nobody.
    ///   - authorities: A file of certificates to trust instead of the host's.
    ///   - uses: Takes down each call that the credential goes along with.
    package init(
        _ address: GitHubAddress, credential: Secret?, authorities: String? = nil, uses: ForgeUses = ForgeUses(),
        clock: ForgeClock = .host
    ) throws(ForgeError) {
        self.address = address
        self.credential = credential
        self.uses = uses
        self.clock = clock
        do throws(HTTPSFailure) {
            var connection = try HTTPSClient(address.graph)
            connection.authorities = authorities
            self.connection = connection
        } catch {
            throw ForgeError(.refused, "use forge", "\"\(address.text)\"", error.reason, remedy: "Use https.")
        }
    }

    /// The same, with another credential.
    func speaking(with credential: Secret) throws(ForgeError) -> GitHubClient {
        try GitHubClient(address, credential: credential, authorities: connection.authorities, uses: uses, clock: clock)
    }

    struct Answer {
        /// Of an answer without a body: an empty object.
        let record: ForgeRecord
        /// Whether the server says that there is a page after this one.
        let hasNext: Bool
    }

    @discardableResult
    func send(_ call: GitHubCall) throws(ForgeError) -> Answer {
        var waited = 0
        var tries = 0
        while true {
            tries += 1
            let problem: GitHubProblem
            switch try attempt(call) {
            case .success(let answer): return answer
            case .failure(let found): problem = found
            }
            let pause: Int
            switch problem.cure {
            case .none: throw problem.error
            case .wait(let milliseconds): pause = milliseconds
            case .repeating(let isUnknown):
                guard call.isRepeatable || !isUnknown else { throw problem.uncertain }
                pause = 1000 << (tries - 1)
            }
            guard tries < Self.mostTries, waited + pause <= Self.patience else { throw problem.error }
            clock.wait(pause)
            waited += pause
        }
    }

    private func attempt(_ call: GitHubCall) throws(ForgeError) -> Result<Answer, GitHubProblem> {
        let report = GitHubReport(call: call, address: address, now: clock.now())
        let response: HTTPSResponse
        do throws(HTTPSFailure) {
            response = try connection.send(request(call), credential: credential)
        } catch {
            if !error.wasNotSent { note(call, nil) }
            return .failure(report.problem(error))
        }
        note(call, response.status)
        let record = try read(response, report)
        if let problem = report.problem(response, record?.json) { return .failure(problem) }
        guard let record else { throw report.notJSON }
        return .success(Answer(record: record, hasNext: GitHubReport.hasNext(response.header("link"))))
    }

    private func note(_ call: GitHubCall, _ status: Int?) { if credential != nil { uses.add(call, status: status) } }

    private func request(_ call: GitHubCall) -> HTTPSRequest {
        var request = HTTPSRequest(
            call.method, call.target(address),
            headers: [
                (name: "Accept", value: "application/vnd.github+json"), (name: "User-Agent", value: "sallyport"),
                (name: "X-GitHub-Api-Version", value: "2022-11-28"),
            ])
        if let body = call.body(address) {
            request.headers.append((name: "Content-Type", value: "application/json"))
            request.body = JSONWriter().write(body)
        }
        return request
    }

    /// - Returns: nil for what is no JSON, such as the page of a proxy; nothing of it is shown.
    private func read(_ response: HTTPSResponse, _ report: GitHubReport) throws(ForgeError) -> ForgeRecord? {
        let isJSON = response.header("content-type")?.lowercased().contains("json") == true
        guard isJSON || response.body.isEmpty else { return nil }
        let bytes = response.body.isEmpty ? Array("{}".utf8) : response.body
        let record: ForgeRecord
        do throws(ForgeError) {
            record = try ForgeRecord(bytes, subject: report.subject, remedy: GitHubReport.remedy)
        } catch {
            // An error's page may be anything.
            guard (200...299).contains(response.status) else { return nil }
            throw error
        }
        if let credential, credential.occurs(in: record.json) {
            throw report.error(
                .refused, "its answer has the credential in it",
                remedy: "Withdraw the credential, and find out who answers there.")
        }
        return record
    }
}

extension Secret {
    /// Shorter ones occur everywhere.
    private static let shortestLooked = 8

    /// Whether any text of a value has this secret in it.
    fileprivate func occurs(in value: JSON) -> Bool {
        guard count >= Self.shortestLooked else { return false }
        switch value {
        case .null, .bool, .int, .double: return false
        case .string(let text): return occurs(in: text)
        case .array(let elements): return elements.contains { occurs(in: $0) }
        case .object(let members): return members.contains { occurs(in: $0.name) || occurs(in: $0.value) }
        }
    }

    private func occurs(in text: String) -> Bool {
        var text = text
        return withBytes { secret in
            text.withUTF8 { bytes in
                guard let start = bytes.baseAddress, let looked = secret.baseAddress else { return false }
                return memmem(start, bytes.count, looked, secret.count) != nil
            }
        }
    }
}
