// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import LinuxSystem
package import TaskModel
internal import Workspace

/// GitHub as seen from where its bytes are not read: every call goes to a process that does it.
package struct RelayedForge: Forge {
    /// Has a call done, and returns its answer as JSON; what it may be is bounded by whoever made it.
    package typealias Relay = (ForgeCall) throws(ForgeError) -> [UInt8]

    private let relay: Relay

    package init(_ relay: @escaping Relay) { self.relay = relay }

    /// What the other side writes: what came of a call, or why nothing did.
    package static func answer(_ body: () throws(ForgeError) -> JSON) -> [UInt8] {
        do throws(ForgeError) { return JSONWriter().write(try body()) } catch {
            return JSONWriter().write(["error": error.json])
        }
    }

    @discardableResult
    private func ask(_ call: ForgeCall, _ subject: String = "an answer of GitHub") throws(ForgeError) -> ForgeRecord {
        let record = try ForgeRecord(try relay(call), subject: subject, remedy: GitHubReport.remedy)
        if let error = try record.member("error") { throw try ForgeError(error) }
        return record
    }

    /// Reads a pull request. Its branches become arguments of git, so they are looked at here once more.
    private func pull(_ call: ForgeCall, _ subject: String) throws(ForgeError) -> PullRequest {
        let record = try ask(call, subject)
        let pull = try PullRequest(record)
        for name in [pull.base, pull.head] where ReferenceName.flaw("refs/heads/\(name)".utf8) != nil {
            throw record.wrong("base", "a plain branch")
        }
        guard pull.base != pull.head || pull.headRepository != nil else { throw record.wrong("head", "another branch") }
        return pull
    }

    package func requireAccess(writing: Bool) throws(ForgeError) { try ask(.access(writing: writing)) }

    package func requireUnprotected(_ branch: String) throws(ForgeError) { try ask(.unprotected(branch: branch)) }

    package func issue(_ number: Int) throws(ForgeError) -> Issue {
        try Issue(try ask(.issue(number), "issue \(number)"))
    }

    package func pullRequest(_ number: Int) throws(ForgeError) -> PullRequest {
        try pull(.pullRequest(number), "pull request \(number)")
    }

    package func open(_ draft: PullRequest.Draft) throws(ForgeError) -> PullRequest {
        try pull(.open(draft), "the new pull request")
    }

    package func update(_ number: Int, title: String?, body: String?) throws(ForgeError) {
        try ask(.update(number, title: title, body: body))
    }

    package func post(_ findings: Findings, on number: Int, of commit: String, by author: String, note: String)
        throws(ForgeError) -> Int
    {
        try ask(.post(findings, on: number, commit: commit, author: author, note: note), "the new review")
            .number("number")
    }

    package func reply(to thread: PullRequest.Thread, on number: Int, _ body: String, by author: String)
        throws(ForgeError)
    {
        try ask(.reply(thread, on: number, body: body, author: author))
    }

    package func resolve(_ thread: PullRequest.Thread, on number: Int) throws(ForgeError) {
        try ask(.resolve(thread, on: number))
    }

    package func comment(on number: Int, _ body: String, by author: String) throws(ForgeError) {
        try ask(.comment(number, body: body, author: author))
    }

    package func files(_ number: Int) throws(ForgeError) -> [ChangedFile] {
        try ask(.files(number), "the changed files of pull request \(number)").list("files").map {
            (record) throws(ForgeError) in try ChangedFile(record)
        }
    }

    package func mark(_ commit: String, _ description: String, claim: String? = nil) throws(ForgeError) {
        try ask(.mark(commit: commit, description: description, claim: claim))
    }

    package func mint(installation: Int?, scope: AppToken.Scope) throws(ForgeError) -> AppToken {
        try AppToken(try ask(.mint(installation: installation, scope: scope), "the new token"))
    }

    /// Ends the very token that the call is made with.
    package func revoke() throws(ForgeError) { try ask(.revoke) }
}

extension AppToken {
    fileprivate init(_ record: ForgeRecord) throws(ForgeError) {
        self.init(
            token: Secret(copying: Array(try record.text("token").utf8)), expires: try record.number("expires"))
    }
}

extension ForgeError {
    fileprivate var json: JSON {
        [
            "code": .string(code.rawValue), "operation": .string(operation), "subject": .string(subject),
            "reason": .string(reason), "remedy": .string(remedy),
        ]
    }

    /// Reads what the other side says, which may be anybody's words by then: one line of printable text each.
    fileprivate init(_ record: ForgeRecord) throws(ForgeError) {
        guard let code = Code(rawValue: try record.text("code")) else { throw record.wrong("code", "a code") }
        func line(_ name: String) throws(ForgeError) -> String {
            PrintableText.escapedOnce(try record.text(name), longest: 1000)
        }
        self.init(
            code, try line("operation"), try line("subject"), try line("reason"), remedy: try line("remedy"))
    }
}
