// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import Glibc

/// A file that a pull request changes, as the forge tells it.
package struct ChangedFile: Sendable, Hashable {
    package let path: String
    package let status: String
    package let insertions: Int
    package let deletions: Int
    /// Nil of a binary or a very large file.
    package let patch: String?

    /// A longer patch is left out, as GitHub leaves out what is very large.
    private static let longestPatch = 200_000

    package init(path: String, status: String, insertions: Int, deletions: Int, patch: String?) {
        self.path = path
        self.status = status
        self.insertions = insertions
        self.deletions = deletions
        self.patch = patch.flatMap { $0.utf8.count <= Self.longestPatch ? $0 : nil }
    }

    var withoutPatch: ChangedFile {
        ChangedFile(path: path, status: status, insertions: insertions, deletions: deletions, patch: nil)
    }

    init(_ record: ForgeRecord) throws(ForgeError) {
        self.init(
            path: try record.text("filename"), status: try record.text("status"),
            insertions: try record.number("additions"), deletions: try record.number("deletions"),
            patch: try record.optionalText("patch"))
    }

    var json: JSON {
        [
            "filename": .string(path), "status": .string(status), "additions": .int(insertions),
            "deletions": .int(deletions), "patch": .optional(patch),
        ]
    }
}

/// What a task's session finds at forge.internal: what its task is about, as the host read it before, in the form in which
/// GitHub answers; and which changes it may propose. The forge broker reads it, see `ForgeSite`.
package struct ForgeView {
    /// Changes that may be proposed.
    package struct Proposals: Sendable {
        /// Branches of a new pull request.
        package var opened: (head: String, base: String)?
        /// The pull request whose text may change.
        package var updated: Int?
        package var reviewed: Int?
        package var marks = false

        package init() {}
    }

    /// "owner/name"
    package let repository: String
    package let mayPush: Bool
    package var issue: Issue?
    package var pull: PullRequest?
    /// Where the pull request's branch stands.
    package var head: String?
    /// Nil where the forge was not asked.
    package var files: [ChangedFile]?
    package var proposals = Proposals()

    package init(repository: String, mayPush: Bool) {
        self.repository = repository
        self.mayPush = mayPush
    }

    package var json: JSON {
        var answers: [JSON] = []
        func add(_ path: String, _ body: JSON) { answers.append(["path": .string(path), "body": body]) }
        add("", repositoryJSON)
        if let issue {
            add("/issues/\(issue.number)", Self.shape(issue))
            add("/issues/\(issue.number)/comments", Self.list(issue.comments))
        }
        if let pull {
            add("/pulls/\(pull.number)", shape(pull))
            add("/pulls/\(pull.number)/comments", Self.threads(pull))
            add("/issues/\(pull.number)/comments", Self.list(pull.comments))
            if let files { add("/pulls/\(pull.number)/files", .array(files.map(\.json))) }
        }
        return [
            "version": 1, "repository": .string(repository), "answers": .array(answers),
            "proposals": [
                "open_pull": proposals.opened.map { ["head": .string($0.head), "base": .string($0.base)] } ?? .null,
                "update_pull": proposals.updated.map { ["number": .int($0)] } ?? .null,
                "review": proposals.reviewed.map { ["number": .int($0), "commit": .optional(head)] } ?? .null,
                "status": .bool(proposals.marks),
            ],
        ]
    }

    private var repositoryJSON: JSON {
        let parts = repository.split(separator: "/").map(String.init)
        return [
            "name": .optional(parts.last), "full_name": .string(repository), "owner": Self.user(parts.first ?? ""),
            "archived": false, "permissions": ["pull": true, "push": .bool(mayPush), "admin": false],
        ]
    }

    // MARK: GitHub's shapes

    private static func user(_ name: String) -> JSON { ["login": .string(name)] }

    private static func shape(_ issue: Issue) -> JSON {
        [
            "number": .int(issue.number), "title": .string(issue.title), "body": .string(issue.body),
            "state": issue.isOpen ? "open" : "closed", "user": user(issue.author),
            "comments": .int(issue.comments.count),
        ]
    }

    private func shape(_ pull: PullRequest) -> JSON {
        let repository: JSON = ["full_name": .string(repository)]
        return [
            "number": .int(pull.number), "title": .string(pull.title), "body": .string(pull.body),
            "state": .string(pull.state == .open ? "open" : "closed"), "merged": .bool(pull.state == .merged),
            "user": Self.user(pull.author), "draft": false,
            "head": ["ref": .string(pull.head), "sha": .optional(head), "repo": repository],
            "base": ["ref": .string(pull.base), "repo": repository],
        ]
    }

    private static func list(_ comments: [Comment]) -> JSON {
        .array(
            comments.enumerated().map { index, comment in
                [
                    "id": .int(index + 1), "user": user(comment.author), "body": .string(comment.body),
                    "created_at": .string(Timestamp.text(comment.created)),
                ]
            })
    }

    /// The remarks of unresolved threads: GitHub's own list does not say which these are.
    private static func threads(_ pull: PullRequest) -> JSON {
        var remarks: [JSON] = []
        for thread in pull.openThreads {
            let first = remarks.count + 1
            for (index, comment) in thread.comments.enumerated() {
                remarks.append([
                    "id": .int(remarks.count + 1), "in_reply_to_id": index == 0 ? .null : .int(first),
                    "path": .string(thread.file), "line": .optional(thread.line), "side": "RIGHT",
                    "user": user(comment.author), "body": .string(comment.body),
                    "created_at": .string(Timestamp.text(comment.created)),
                    // The number by which a commit settles it.
                    "thread": .int(thread.number),
                ])
            }
        }
        return .array(remarks)
    }
}

extension Timestamp {
    /// The time as GitHub writes it. gmtime_r(3)
    static func text(_ milliseconds: Int) -> String {
        var seconds = time_t(milliseconds / 1000)
        var parts = tm()
        guard gmtime_r(&seconds, &parts) != nil else { return "1970-01-01T00:00:00Z" }
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T\(two(parts.tm_hour)):"
            + "\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
    }
}
