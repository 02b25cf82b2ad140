// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Secrets
package import TaskModel
internal import Workspace

/// A repository of GitHub as a forge. What it reads is third parties' text, so it runs where that can do no harm.
///
/// It cannot merge, approve, or move a reference: ``GitHubCall`` has no such call.
package struct GitHubForge: Forge {
    let client: GitHubClient

    /// Pages of a hundred: as many as GitHub shows of a pull request's files.
    private static let mostPages = 30
    /// Of the patches of all changed files: an answer has to fit where it is read.
    private static let mostPatchBytes = 4 << 20
    /// Fewer of what becomes part of a prompt.
    private static let mostCommentPages = 10

    package init(_ client: consuming GitHubClient) { self.client = client }

    // MARK: Reading

    package func issue(_ number: Int) throws(ForgeError) -> Issue {
        let record = try client.send(.issue(number)).record
        try require(number, in: record)
        guard try record.member("pull_request") == nil else {
            throw ForgeError(
                .notFound, "read", record.subject, "it is a pull request",
                remedy: "Work on it with --type pr_iteration --pr \(number).")
        }
        return Issue(
            number: number, title: try record.text("title"), body: try record.optionalText("body") ?? "",
            isOpen: try state(record) == .open, author: try author(record), comments: try comments(number))
    }

    package func pullRequest(_ number: Int) throws(ForgeError) -> PullRequest {
        var pull = try shape(try client.send(.pull(number)).record)
        guard pull.number == number else { throw wrongNumber("pull request \(number)") }
        pull.threads = try threads(number)
        pull.comments = try comments(number)
        return pull
    }

    /// The changed files, and as many of their patches as one document has room for.
    package func files(_ number: Int) throws(ForgeError) -> [ChangedFile] {
        var room = Self.mostPatchBytes
        return try pages(Self.mostPages, { .files(number, page: $0) }).map { (record) throws(ForgeError) in
            let file = try ChangedFile(record)
            room -= file.patch?.utf8.count ?? 0
            return room >= 0 ? file : file.withoutPatch
        }
    }

    /// A pull request as REST describes it, without threads and comments.
    private func shape(_ record: ForgeRecord) throws(ForgeError) -> PullRequest {
        guard let base = try record.member("base"), let head = try record.member("head") else {
            throw record.wrong("base", "a branch")
        }
        guard try base.member("repo")?.text("full_name").lowercased() == client.address.fullName.lowercased() else {
            throw record.wrong("base", "of \(client.address.fullName)")
        }
        let isMerged = try record.optionalText("merged_at") != nil
        return PullRequest(
            number: try record.number("number"), title: try record.text("title"),
            body: try record.optionalText("body") ?? "", state: isMerged ? .merged : try state(record),
            author: try author(record), base: try branch(base), head: try branch(head),
            headRepository: try headRepository(head), threads: [], reviews: [], comments: [])
    }

    private func state(_ record: ForgeRecord) throws(ForgeError) -> PullRequest.State {
        switch try record.text("state") {
        case "open": .open
        case "closed": .closed
        default: throw record.wrong("state", "open or closed")
        }
    }

    /// A branch's name becomes an argument of git, so nothing odd is one.
    private func branch(_ record: ForgeRecord) throws(ForgeError) -> String {
        let name = try record.text("ref")
        guard ReferenceName.flaw("refs/heads/\(name)".utf8) == nil else { throw record.wrong("ref", "a plain branch") }
        return name
    }

    /// Nil when the head branch lies in this very repository.
    private func headRepository(_ head: ForgeRecord) throws(ForgeError) -> String? {
        guard let repository = try head.member("repo") else { return "a repository that is gone" }
        let name = try repository.text("full_name")
        return name.lowercased() == client.address.fullName.lowercased() ? nil : name
    }

    /// Of somebody who has left, there is no name.
    private func author(_ record: ForgeRecord) throws(ForgeError) -> String {
        try (try record.member("user"))?.text("login") ?? "ghost"
    }

    private func require(_ number: Int, in record: ForgeRecord) throws(ForgeError) {
        guard try record.number("number") == number else { throw wrongNumber(record.subject) }
    }

    private func wrongNumber(_ subject: String) -> ForgeError {
        ForgeError(.malformed, "read", subject, "it answers with another one", remedy: GitHubReport.remedy)
    }

    private func comments(_ number: Int) throws(ForgeError) -> [Comment] {
        var comments: [Comment] = []
        for record in try pages(Self.mostCommentPages, { .comments(number, page: $0) }) {
            comments.append(
                Comment(
                    author: try author(record), body: try record.optionalText("body") ?? "",
                    created: try Timestamp.milliseconds(record, "created_at")))
        }
        return comments
    }

    /// The elements of all pages of a list; more pages than may be are an error.
    private func pages(_ most: Int, _ call: (Int) -> GitHubCall) throws(ForgeError) -> [ForgeRecord] {
        var records: [ForgeRecord] = []
        for page in 1...most {
            let answer = try client.send(call(page))
            records += try answer.record.elements()
            if !answer.hasNext { return records }
        }
        let words = call(1).words
        throw ForgeError(
            .refused, words.operation, "\(words.subject) of \(client.address.text)",
            "there are more than \(most * GitHubCall.pageSize)", remedy: "Go on in a new one.")
    }

    /// The conversations about lines, numbered in GitHub's order: a number holds for one reading only, the key for ever.
    private func threads(_ number: Int) throws(ForgeError) -> [PullRequest.Thread] {
        var threads: [PullRequest.Thread] = []
        var after: String?
        for _ in 1...Self.mostCommentPages {
            let record = try client.send(.threads(number, after: after)).record
            guard
                let list = try record.member("data")?.member("repository")?.member("pullRequest")?
                    .member("reviewThreads"), let page = try list.member("pageInfo")
            else { throw record.wrong("data", "a pull request's threads") }
            for node in try list.list("nodes") { threads.append(try thread(node, number: threads.count + 1)) }
            guard try page.flag("hasNextPage") else { return threads }
            after = try page.text("endCursor")
        }
        throw ForgeError(
            .refused, "read", "the review threads of pull request \(number)", "there are more than 500",
            remedy: "Resolve those that are settled by other means, or go on in a new pull request.")
    }

    /// What somebody with rights to push is to a repository. docs.github.com, CommentAuthorAssociation
    private static let maintainers: Set<String> = ["OWNER", "MEMBER", "COLLABORATOR"]

    private func thread(_ node: ForgeRecord, number: Int) throws(ForgeError) -> PullRequest.Thread {
        var comments: [Comment] = []
        let list = try node.member("comments")
        for comment in try list?.list("nodes") ?? [] {
            comments.append(
                Comment(
                    author: try comment.member("author")?.text("login") ?? "ghost", body: try comment.text("body"),
                    created: try Timestamp.milliseconds(comment, "createdAt"),
                    isMaintainers: Self.maintainers.contains(try comment.optionalText("authorAssociation") ?? "")))
        }
        return PullRequest.Thread(
            number: number, key: try node.text("id"), file: try node.text("path"),
            line: try node.optionalNumber("line"), severity: nil, isResolved: try node.flag("isResolved"),
            comments: comments)
    }

    // MARK: Changing

    package func open(_ draft: PullRequest.Draft) throws(ForgeError) -> PullRequest {
        let call = GitHubCall.openPull(
            title: Redactor.redacted(draft.title), body: GitHubText.fitted(Redactor.redacted(draft.body)),
            base: draft.base, head: draft.head)
        do throws(ForgeError) {
            return try shape(try client.send(call).record)
        } catch {
            guard error.code == .uncertain else { throw error }
            // A branch has one open pull request to a base, so a look tells.
            let found = try client.send(.pulls(head: draft.head, base: draft.base)).record.elements()
            guard let record = found.first else { throw error }
            return try shape(record)
        }
    }

    package func update(_ number: Int, title: String?, body: String?) throws(ForgeError) {
        try client.send(
            .updatePull(
                number, title: title.map { Redactor.redacted($0) },
                body: body.map { GitHubText.fitted(Redactor.redacted($0)) }))
    }

    /// Posts a review of remarks. A finding about a line that the pull request does not show stands in its text, since
    /// GitHub takes remarks about shown lines only.
    package func post(_ findings: Findings, on number: Int, of commit: String, by author: String, note: String)
        throws(ForgeError) -> Int
    {
        var shown: [String: Set<Int>] = [:]
        if findings.findings.contains(where: { $0.line != nil }) {
            for record in try pages(Self.mostPages, { .files(number, page: $0) }) {
                // Of a binary or a very large file nothing is shown.
                guard let patch = try record.optionalText("patch") else { continue }
                shown[try record.text("filename")] = ShownLines.of(patch)
            }
        }
        let review = GitHubText.Review(findings, note: note) { shown[$0]?.contains($1) == true }
        let answer = try client.send(
            .review(number, commit: commit, body: review.body, comments: review.comments))
        return try answer.record.number("id")
    }

    package func reply(to thread: PullRequest.Thread, on number: Int, _ body: String, by author: String)
        throws(ForgeError)
    {
        try client.send(.reply(thread: try key(thread), body: GitHubText.fitted(Redactor.redacted(body))))
    }

    package func resolve(_ thread: PullRequest.Thread, on number: Int) throws(ForgeError) {
        try client.send(.resolve(thread: try key(thread)))
    }

    private func key(_ thread: PullRequest.Thread) throws(ForgeError) -> String {
        guard let key = thread.key else {
            throw ForgeError(
                .notFound, "find", "thread \(thread.number)", "it is not of GitHub", remedy: "Report this.")
        }
        return key
    }

    package func comment(on number: Int, _ body: String, by author: String) throws(ForgeError) {
        try client.send(.comment(number, body: GitHubText.fitted(Redactor.redacted(body))))
    }
}
