// SPDX-License-Identifier: Apache-2.0

/// The kinds of task; each fixes what may be written and what counts as done.
package enum TaskType: String, Sendable, CaseIterable {
    /// Work on a branch of its own, from an issue or a text.
    case newTask = "new_task"
    /// More commits on the branch of an open pull request.
    case pullRequestIteration = "pr_iteration"
    /// Findings about a pull request; nothing is written.
    case pullRequestReview = "pr_review"

    /// Accepts the short name and the name of the workflow that stands for it.
    package init?(named name: String) {
        switch name {
        case "coding/new-task-v1": self = .newTask
        case "coding/pr-iteration-v1": self = .pullRequestIteration
        case "coding/pr-review-v1": self = .pullRequestReview
        default: self.init(rawValue: name)
        }
    }

    /// Whether commits are the result; without that none may leave.
    package var writes: Bool { self != .pullRequestReview }
    package var needsPullRequest: Bool { self != .newTask }
}
