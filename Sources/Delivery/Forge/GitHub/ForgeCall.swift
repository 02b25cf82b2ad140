// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import LinuxSystem
package import TaskModel
internal import Workspace

/// One thing that a task asks of GitHub, as a document for the confined process that does it.
///
///     sallyport-task ── ForgeCall as JSON ──▶ step-forge (confined, with the network) ── its answer as JSON ──▶
///
/// What comes back is in the form of the local forge's files, and read as strictly.
package enum ForgeCall: Sendable {
    case access(writing: Bool)
    case unprotected(branch: String)
    case issue(Int)
    case pullRequest(Int)
    case files(Int)
    case open(PullRequest.Draft)
    case update(Int, title: String?, body: String?)
    case post(Findings, on: Int, commit: String, author: String, note: String)
    case reply(PullRequest.Thread, on: Int, body: String, author: String)
    case resolve(PullRequest.Thread, on: Int)
    case comment(Int, body: String, author: String)
    /// - Parameter claim: The state that the agent says; nil for the host's own mark, which is one of success.
    case mark(commit: String, description: String, claim: String?)
    case mint(installation: Int?, scope: AppToken.Scope)
    case revoke

    package var json: JSON {
        switch self {
        case .access(let writing): return ["do": "access", "writing": .bool(writing)]
        case .unprotected(let branch): return ["do": "unprotected", "branch": .string(branch)]
        case .issue(let number): return ["do": "issue", "number": .int(number)]
        case .pullRequest(let number): return ["do": "pull", "number": .int(number)]
        case .files(let number): return ["do": "files", "number": .int(number)]
        case .open(let draft):
            return [
                "do": "open", "title": .string(draft.title), "body": .string(draft.body), "base": .string(draft.base),
                "head": .string(draft.head), "author": .string(draft.author),
            ]
        case .update(let number, let title, let body):
            return ["do": "update", "number": .int(number), "title": .optional(title), "body": .optional(body)]
        case .post(let findings, let number, let commit, let author, let note):
            return [
                "do": "post", "number": .int(number), "findings": findings.json, "commit": .string(commit),
                "author": .string(author), "note": .string(note),
            ]
        case .reply(let thread, let number, let body, let author):
            return [
                "do": "reply", "number": .int(number), "thread": thread.json, "body": .string(body),
                "author": .string(author),
            ]
        case .resolve(let thread, let number):
            return ["do": "resolve", "number": .int(number), "thread": thread.json]
        case .comment(let number, let body, let author):
            return ["do": "comment", "number": .int(number), "body": .string(body), "author": .string(author)]
        case .mark(let commit, let description, let claim):
            return [
                "do": "mark", "commit": .string(commit), "description": .string(description),
                "claim": .optional(claim),
            ]
        case .mint(let installation, let scope):
            return [
                "do": "mint", "installation": .optional(installation), "writing": .bool(scope.writing),
                "marking": .bool(scope.marking),
            ]
        case .revoke: return ["do": "revoke"]
        }
    }

    /// Reads what ``json`` became.
    package init(_ bytes: [UInt8]) throws(ForgeError) {
        let record = try ForgeRecord(bytes, subject: "a call of a forge", remedy: "Use one build of all programs.")
        switch try record.text("do") {
        case "access": self = .access(writing: try record.flag("writing"))
        case "unprotected": self = .unprotected(branch: try record.text("branch"))
        case "issue": self = .issue(try record.number("number"))
        case "pull": self = .pullRequest(try record.number("number"))
        case "files": self = .files(try record.number("number"))
        case "open":
            self = .open(
                .init(
                    title: try record.text("title"), body: try record.text("body"), base: try record.text("base"),
                    head: try record.text("head"), author: try record.text("author")))
        case "update":
            self = .update(
                try record.number("number"), title: try record.optionalText("title"),
                body: try record.optionalText("body"))
        case "post":
            self = .post(
                try Self.findings(record), on: try record.number("number"), commit: try record.text("commit"),
                author: try record.text("author"), note: try record.text("note"))
        case "reply":
            self = .reply(
                try Self.thread(record), on: try record.number("number"), body: try record.text("body"),
                author: try record.text("author"))
        case "resolve": self = .resolve(try Self.thread(record), on: try record.number("number"))
        case "comment":
            self = .comment(
                try record.number("number"), body: try record.text("body"), author: try record.text("author"))
        case "mark":
            self = .mark(
                commit: try record.text("commit"), description: try record.text("description"),
                claim: try record.optionalText("claim"))
        case "mint":
            self = .mint(
                installation: try record.optionalNumber("installation"),
                scope: .init(writing: try record.flag("writing"), marking: try record.flag("marking")))
        case "revoke": self = .revoke
        default: throw record.wrong("do", "a call")
        }
    }

    private static func findings(_ record: ForgeRecord) throws(ForgeError) -> Findings {
        guard let json = record.json["findings"] else { throw record.wrong("findings", "a document") }
        do throws(Findings.Flaw) { return try Findings(JSONWriter().write(json)) } catch {
            throw record.wrong("findings", "a document of findings")
        }
    }

    private static func thread(_ record: ForgeRecord) throws(ForgeError) -> PullRequest.Thread {
        guard let thread = try record.member("thread") else { throw record.wrong("thread", "a thread") }
        return try PullRequest.Thread(thread)
    }

    /// Does it, and returns what came of it.
    package func perform(_ client: GitHubClient) throws(ForgeError) -> JSON {
        let forge = GitHubForge(client)
        switch self {
        case .access(let writing): try forge.requireAccess(writing: writing)
        case .unprotected(let branch): try forge.requireUnprotected(branch)
        case .issue(let number): return try forge.issue(number).json
        case .pullRequest(let number): return try forge.pullRequest(number).json
        case .files(let number): return ["files": .array(try forge.files(number).map(\.json))]
        case .open(let draft): return try forge.open(draft).json
        case .update(let number, let title, let body): try forge.update(number, title: title, body: body)
        case .post(let findings, let number, let commit, let author, let note):
            return ["number": .int(try forge.post(findings, on: number, of: commit, by: author, note: note))]
        case .reply(let thread, let number, let body, let author):
            try forge.reply(to: thread, on: number, body, by: author)
        case .resolve(let thread, let number): try forge.resolve(thread, on: number)
        case .comment(let number, let body, let author): try forge.comment(on: number, body, by: author)
        case .mark(let commit, let description, let claim): try forge.mark(commit, description, claim: claim)
        case .mint(let installation, let scope):
            let minted = try AppToken(client, installation: installation, scope: scope)
            return [
                "token": .string(minted.token.withBytes { String(decoding: $0, as: UTF8.self) }),
                "expires": .int(minted.expires),
            ]
        case .revoke: try AppToken.revoke(client)
        }
        return .object([])
    }
}
