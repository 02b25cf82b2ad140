// SPDX-License-Identifier: Apache-2.0
package import TaskModel

/// A place with issues, pull requests and reviews: what a task reads its work from and hands its result to.
///
/// Commits do not go through it; they are pushed, and a forge is told which branch they are on. No implementation
/// can merge: that stays with people.
package protocol Forge {
    func issue(_ number: Int) throws(ForgeError) -> Issue
    func pullRequest(_ number: Int) throws(ForgeError) -> PullRequest
    /// Opens a pull request; a second one for the same branches is an error.
    func open(_ draft: PullRequest.Draft) throws(ForgeError) -> PullRequest
    /// Changes title or body of an open pull request.
    func update(_ number: Int, title: String?, body: String?) throws(ForgeError)
    /// Posts findings as a review, each as a thread of its own. Returns the number of the review.
    func post(_ findings: Findings, on number: Int, of commit: String, by author: String, note: String)
        throws(ForgeError) -> Int
    func reply(to thread: PullRequest.Thread, on number: Int, _ body: String, by author: String) throws(ForgeError)
    func resolve(_ thread: PullRequest.Thread, on number: Int) throws(ForgeError)
    /// Comments on an issue or a pull request.
    func comment(on number: Int, _ body: String, by author: String) throws(ForgeError)
}

/// A remark with its author; everything in it may come from anybody.
package struct Comment: Sendable, Hashable {
    package let author: String
    package let body: String
    /// Milliseconds since 1970.
    package let created: Int
    /// The forge says that its author has rights over the repository.
    package let isMaintainers: Bool

    package init(author: String, body: String, created: Int, isMaintainers: Bool = false) {
        self.author = author
        self.body = body
        self.created = created
        self.isMaintainers = isMaintainers
    }
}

package struct Issue: Sendable, Hashable {
    package let number: Int
    package var title: String
    package var body: String
    package var isOpen: Bool
    package var author: String
    package var comments: [Comment]

    package init(number: Int, title: String, body: String, isOpen: Bool, author: String, comments: [Comment]) {
        self.number = number
        self.title = title
        self.body = body
        self.isOpen = isOpen
        self.author = author
        self.comments = comments
    }
}

package struct PullRequest: Sendable, Hashable {
    package enum State: String, Sendable { case open, closed, merged }

    /// A remark about one place of the change, with what was answered.
    package struct Thread: Sendable, Hashable {
        package let number: Int
        /// The forge's own name of it, where that is not the number.
        package let key: String?
        package let file: String
        package let line: Int?
        package let severity: String?
        package var isResolved: Bool
        package var comments: [Comment]
    }

    package struct Review: Sendable, Hashable {
        package let number: Int
        package let author: String
        package let commit: String
        package let summary: String
        package let note: String
        package let threads: [Int]
        package let created: Int
    }

    /// What a new pull request is made from.
    package struct Draft: Sendable, Hashable {
        package let title: String
        package let body: String
        package let base: String
        package let head: String
        package let author: String

        package init(title: String, body: String, base: String, head: String, author: String) {
            self.title = title
            self.body = body
            self.base = base
            self.head = head
            self.author = author
        }
    }

    package let number: Int
    package var title: String
    package var body: String
    package var state: State
    package let author: String
    /// Branch names without `refs/heads/`.
    package let base: String
    package let head: String
    /// Where the head branch lies when that is another repository; nil for the forge's own.
    package let headRepository: String?
    package var threads: [Thread]
    package var reviews: [Review]
    package var comments: [Comment]

    package var openThreads: [Thread] { threads.filter { !$0.isResolved } }
}
