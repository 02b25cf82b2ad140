// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What a forge said of a task's work item, as it was gathered once: a task that begins on it asks nobody again.
package struct HydratedWork: Sendable {
    package let issue: Issue?
    package let pull: PullRequest?
    /// Nil where the forge does not tell.
    package let files: [ChangedFile]?

    package static let longest = 32 << 20

    package init(issue: Issue?, pull: PullRequest?, files: [ChangedFile]?) {
        self.issue = issue
        self.pull = pull
        self.files = files
    }

    package var json: JSON {
        [
            "version": 1, "issue": issue?.json ?? .null, "pull": pull?.json ?? .null,
            "files": files.map { .array($0.map(\.json)) } ?? .null,
        ]
    }

    /// Reads what ``json`` became.
    package init(_ bytes: [UInt8], subject: String) throws(ForgeError) {
        let record = try ForgeRecord(bytes, subject: subject, remedy: "Resume the task, so that it is gathered anew.")
        guard try record.number("version") == 1 else { throw record.wrong("version", "1") }
        issue = try record.member("issue").map { (member) throws(ForgeError) in try Issue(member) }
        pull = try record.member("pull").map { (member) throws(ForgeError) in try PullRequest(member) }
        guard let list = record.json["files"], !list.isNull else {
            files = nil
            return
        }
        var files: [ChangedFile] = []
        for element in try record.list("files") { files.append(try ChangedFile(element)) }
        self.files = files
    }
}
