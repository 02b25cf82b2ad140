// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Workspace

/// Every call that is ever made to GitHub. There is no other way to send one, and none of these merges, moves or removes a
/// reference, approves, or changes settings.
///
/// - SeeAlso: GitHub REST documentation, version 2022-11-28; GraphQL reference, "Mutations".
enum GitHubCall: Sendable {
    case repository
    case branch(String)
    case issue(Int)
    case comments(Int, page: Int)
    case pull(Int)
    /// The open ones from a branch of this repository.
    case pulls(head: String, base: String)
    case files(Int, page: Int)
    case threads(Int, after: String?)
    case openPull(title: String, body: String, base: String, head: String)
    case updatePull(Int, title: String?, body: String?)
    case review(Int, commit: String, body: String, comments: [JSON])
    case comment(Int, body: String)
    case reply(thread: String, body: String)
    case resolve(thread: String)
    /// - Parameter isClaimed: By the agent, under a name that says so.
    case status(commit: String, state: String, isClaimed: Bool, description: String)
    /// As the App itself.
    case installation
    /// As the App itself.
    case mint(installation: Int, permissions: [JSON.Member])
    /// Ends the very token that it is sent with.
    case revoke

    static let pageSize = 100

    var method: String {
        switch self {
        case .repository, .branch, .issue, .comments, .pull, .pulls, .files, .installation: "GET"
        case .threads, .openPull, .review, .comment, .reply, .resolve, .status, .mint: "POST"
        case .updatePull: "PATCH"
        case .revoke: "DELETE"
        }
    }

    /// Whether sending it twice comes to the same as sending it once.
    var isRepeatable: Bool {
        switch self {
        case .repository, .branch, .issue, .comments, .pull, .pulls, .files, .threads, .installation: true
        // A second token of the same kind ends by itself, and whoever gave the first has lost it anyway.
        case .updatePull, .resolve, .status, .mint, .revoke: true
        case .openPull, .review, .comment, .reply: false
        }
    }

    /// Path and query.
    func target(_ address: GitHubAddress) -> String {
        let repository = "\(address.prefix)/repos/\(address.fullName)"
        let page = "per_page=\(Self.pageSize)&page="
        switch self {
        case .repository: return repository
        case .branch(let name): return "\(repository)/branches/\(Self.encoded(name))"
        case .issue(let number): return "\(repository)/issues/\(number)"
        case .comments(let number, let at): return "\(repository)/issues/\(number)/comments?\(page)\(at)"
        case .pull(let number), .updatePull(let number, _, _): return "\(repository)/pulls/\(number)"
        case .pulls(let head, let base):
            let query = "state=open&head=\(Self.encoded("\(address.owner):\(head)"))&base=\(Self.encoded(base))"
            return "\(repository)/pulls?\(query)"
        case .files(let number, let at): return "\(repository)/pulls/\(number)/files?\(page)\(at)"
        case .openPull: return "\(repository)/pulls"
        case .review(let number, _, _, _): return "\(repository)/pulls/\(number)/reviews"
        case .comment(let number, _): return "\(repository)/issues/\(number)/comments"
        case .status(let commit, _, _, _): return "\(repository)/statuses/\(commit)"
        case .threads, .reply, .resolve: return address.graph.path
        case .installation: return "\(repository)/installation"
        case .mint(let number, _): return "\(address.prefix)/app/installations/\(number)/access_tokens"
        case .revoke: return "\(address.prefix)/installation/token"
        }
    }

    /// The target without what stands in its places, as GitHub's documentation writes it.
    var form: String {
        let repository = "/repos/{owner}/{repo}"
        switch self {
        case .repository: return repository
        case .branch: return "\(repository)/branches/{branch}"
        case .issue: return "\(repository)/issues/{number}"
        case .comments, .comment: return "\(repository)/issues/{number}/comments"
        case .pull, .updatePull: return "\(repository)/pulls/{number}"
        case .pulls, .openPull: return "\(repository)/pulls"
        case .files: return "\(repository)/pulls/{number}/files"
        case .review: return "\(repository)/pulls/{number}/reviews"
        case .status: return "\(repository)/statuses/{sha}"
        case .threads: return "/graphql:reviewThreads"
        case .reply: return "/graphql:addPullRequestReviewThreadReply"
        case .resolve: return "/graphql:resolveReviewThread"
        case .installation: return "\(repository)/installation"
        case .mint: return "/app/installations/{number}/access_tokens"
        case .revoke: return "/installation/token"
        }
    }

    func body(_ address: GitHubAddress) -> JSON? {
        switch self {
        case .repository, .branch, .issue, .comments, .pull, .pulls, .files, .installation, .revoke: return nil
        case .threads(let number, let after):
            return Self.query(
                Self.threadsQuery,
                [
                    "owner": .string(address.owner), "name": .string(address.name), "number": .int(number),
                    "after": .optional(after),
                ])
        case .openPull(let title, let body, let base, let head):
            return [
                "title": .string(title), "body": .string(body), "base": .string(base), "head": .string(head),
                "maintainer_can_modify": false,
            ]
        case .updatePull(_, let title, let body):
            return .object(
                [title.map { .init("title", .string($0)) }, body.map { .init("body", .string($0)) }].compactMap { $0 })
        case .review(_, let commit, let body, let comments):
            // Only ever a remark: to approve, or to ask for changes, is a person's.
            return [
                "commit_id": .string(commit), "event": "COMMENT", "body": .string(body), "comments": .array(comments),
            ]
        case .comment(_, let body): return ["body": .string(body)]
        case .reply(let thread, let body):
            return Self.query(Self.replyMutation, ["thread": .string(thread), "body": .string(body)])
        case .resolve(let thread): return Self.query(Self.resolveMutation, ["thread": .string(thread)])
        case .status(_, let state, let isClaimed, let description):
            return [
                "state": .string(state), "context": isClaimed ? "sallyport/agent" : "sallyport",
                "description": .string(description),
            ]
        case .mint(_, let permissions):
            return ["repositories": [.string(address.name)], "permissions": .object(permissions)]
        }
    }

    /// Whether it goes to GraphQL, whose errors come with status 200.
    var isGraph: Bool {
        switch self {
        case .threads, .reply, .resolve: true
        case .repository, .branch, .issue, .comments, .pull, .pulls, .files, .openPull, .updatePull, .review, .comment,
            .status, .installation, .mint, .revoke:
            false
        }
    }

    /// Verb and object for errors.
    var words: (operation: String, subject: String) {
        switch self {
        case .repository: ("read", "the repository")
        case .branch(let name): ("read", "branch \"\(name)\"")
        case .issue(let number): ("read", "issue \(number)")
        case .comments(let number, _): ("read", "the comments of \(number)")
        case .pull(let number): ("read", "pull request \(number)")
        case .pulls(let head, _): ("look for", "a pull request of branch \"\(head)\"")
        case .files(let number, _): ("read", "the changed files of pull request \(number)")
        case .threads(let number, _): ("read", "the review threads of pull request \(number)")
        case .openPull(_, _, _, let head): ("open a pull request for", "branch \"\(head)\"")
        case .updatePull(let number, _, _): ("update", "pull request \(number)")
        case .review(let number, _, _, _): ("post a review of", "pull request \(number)")
        case .comment(let number, _): ("comment on", "\(number)")
        case .reply: ("answer", "a review thread")
        case .resolve: ("resolve", "a review thread")
        case .status(let commit, _, _, _): ("set the status of", "commit \(commit.prefix(12))")
        case .installation: ("find", "the App's installation")
        case .mint: ("get", "a token of the App's installation")
        case .revoke: ("revoke", "the task's token")
        }
    }

    // MARK: Encoding

    /// Percent-encoded for a path or a query; "/" stays, as branches are written in paths. RFC 3986 2.3
    private static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: "/"):
                result.append(byte)
            default: result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Texts are variables only: no byte of anybody's becomes part of a query.
    private static func query(_ text: String, _ variables: JSON) -> JSON {
        ["query": .string(text), "variables": variables]
    }

    private static let threadsQuery =
        "query($owner: String!, $name: String!, $number: Int!, $after: String) { "
        + "repository(owner: $owner, name: $name) { pullRequest(number: $number) { "
        + "reviewThreads(first: 50, after: $after) { pageInfo { hasNextPage endCursor } nodes { "
        + "id isResolved path line comments(first: 50) { pageInfo { hasNextPage } nodes { "
        + "author { login } authorAssociation body createdAt } } } } } } }"
    private static let replyMutation =
        "mutation($thread: ID!, $body: String!) { addPullRequestReviewThreadReply(input: "
        + "{pullRequestReviewThreadId: $thread, body: $body}) { comment { id } } }"
    private static let resolveMutation =
        "mutation($thread: ID!) { resolveReviewThread(input: {threadId: $thread}) { thread { isResolved } } }"
}
