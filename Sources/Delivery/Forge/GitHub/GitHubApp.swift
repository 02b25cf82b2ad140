// SPDX-License-Identifier: Apache-2.0
internal import Documents
package import LinuxSystem

/// A token of a GitHub App for one task: for one repository, with what the task takes and nothing more, for an hour at most.
package struct AppToken {
    package let token: Secret
    /// Milliseconds since 1970.
    package let expires: Int

    init(token: Secret, expires: Int) {
        self.token = token
        self.expires = expires
    }

    /// What a task may ask of an App.
    package struct Scope: Sendable, Equatable {
        /// Commits are pushed.
        package let writing: Bool
        /// Commits are marked with a status.
        package let marking: Bool

        package init(writing: Bool, marking: Bool) {
            self.writing = writing
            self.marking = marking
        }

        var permissions: [JSON.Member] {
            [
                .init("contents", writing ? "write" : "read"), .init("pull_requests", "write"),
                .init("issues", "read"),
            ] + (marking ? [.init("statuses", "write")] : [])
        }
    }

    /// Mints one.
    ///
    /// - Parameters:
    ///   - client: Speaks as the App itself, by its signed statement.
    ///   - installation: Number of the App's installation; nil looks for the repository's.
    init(_ client: GitHubClient, installation: Int?, scope: Scope) throws(ForgeError) {
        let number = if let installation { installation } else { try Self.installation(client) }
        let record = try client.send(.mint(installation: number, permissions: scope.permissions)).record
        let text = try record.text("token")
        guard (8...1024).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw record.wrong("token", "a token")
        }
        token = Secret(copying: Array(text.utf8))
        do throws(ForgeError) {
            expires = try Timestamp.milliseconds(record, "expires_at")
            if let flaw = try Self.excess(record, client.address, scope) {
                throw ForgeError(
                    .forbidden, "use", "the token of \(record.subject)", flaw,
                    remedy: "Find out who answers there; see docs/forges.md.")
            }
        } catch { throw Self.withdrawn(token, client, because: error) }
    }

    /// Revokes a token that nobody will use, and says what is wrong with it and what came of that.
    private static func withdrawn(_ token: Secret, _ client: GitHubClient, because flaw: ForgeError) -> ForgeError {
        var remedy = "The token was revoked."
        do throws(ForgeError) { try client.speaking(with: token).send(.revoke) } catch {
            remedy = "The token could not be revoked (\(error.code.rawValue)); it ends by itself within the hour."
        }
        return ForgeError(flaw.code, flaw.operation, flaw.subject, flaw.reason, remedy: "\(remedy) \(flaw.remedy)")
    }

    private static func installation(_ client: GitHubClient) throws(ForgeError) -> Int {
        let record = try client.send(.installation).record
        guard try record.optionalText("suspended_at") == nil else {
            throw ForgeError(
                .forbidden, "use", record.subject, "it is suspended", remedy: "Have an owner unsuspend the App.")
        }
        return try record.number("id")
    }

    /// What a token allows beyond what was asked for; nil when it is nothing.
    private static func excess(_ record: ForgeRecord, _ address: GitHubAddress, _ scope: Scope) throws(ForgeError)
        -> String?
    {
        let names = try record.list("repositories").map { (record) throws(ForgeError) in
            try record.text("full_name").lowercased()
        }
        guard names == [address.fullName.lowercased()] else { return "it is not for this one repository" }
        // Metadata goes with everything.
        let asked = scope.permissions + [.init("metadata", "read")]
        guard let given = try record.member("permissions")?.json.objectValue, given.allSatisfy({ asked.contains($0) })
        else { return "it allows more than was asked for" }
        return nil
    }

    /// Ends a token, which is the client's own credential.
    static func revoke(_ client: GitHubClient) throws(ForgeError) { try client.send(.revoke) }
}
