// SPDX-License-Identifier: Apache-2.0

/// What every agent is told about its place and its duty, by type of task.
package enum PromptTemplate {
    /// - Parameter branch: Where the work goes; for a review, the branch under review.
    ///
    /// It has no name of the task: the same work is asked for in the same words, so that a vendor's cache and a replay know it.
    package static func text(_ type: TaskType, branch: String) -> String {
        switch type {
        case .newTask:
            """
            You work in a clone of the repository, on the branch \(branch). Do what the work item says, and nothing else. Commit in steps that each make sense alone; what you leave uncommitted is committed
            for you. Stay on this branch and do not rewrite what was there. Build and tests are run again in another
            sandbox on what you deliver: only that decides. There is no credential here, and nothing to push to.
            \(reporting)
            """
        case .pullRequestIteration:
            """
            You work on the branch \(branch) of an open pull request. Settle the review threads
            below with more commits on this branch; its history stays as it is. When a commit settles a thread, say so
            in the last lines of its message: "Resolves-Thread: <number of the thread>". Build and tests are run again in
            another sandbox on what you deliver: only that decides. There is no credential here, and nothing to push to.
            \(reporting)
            """
        case .pullRequestReview:
            """
            You review the pull request whose head is checked out here, read-only. Nothing you change
            leaves. Write what you find as one JSON document to the file named by $SALLYPORT_FINDINGS:

                {"version": 1, "summary": "<what you think of the change>", "findings": [
                  {"file": "<path>", "line": <number or null>, "severity": "critical|major|minor|note",
                   "comment": "<what is wrong and why>", "suggestion": "<text for the line, or null>"}]}

            A finding names a file of this commit. No finding is a fine result; say so in the summary.
            """
        }
    }

    private static let reporting = """
        You may write a summary of what you did to the file named by $SALLYPORT_SUMMARY, and lines such as "turn",
        "tool NAME ok", "tool NAME failed" and "cost MICRO_DOLLARS" to the one named by $SALLYPORT_EVENTS.
        """
}
