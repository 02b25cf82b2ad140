// SPDX-License-Identifier: Apache-2.0

/// What every agent is told about its place and its duty, by type of task.
///
/// The same task has the same words each time it is run: no name of the run is among them, so that what a model was asked
/// once can be compared with what it is asked again, and its vendor's cache is of use.
package enum PromptTemplate {
    /// - Parameter branch: Of the pull request.
    package static func text(_ type: TaskType, branch: String?) -> String {
        switch type {
        case .newTask:
            """
            You work in a clone of the repository, on a branch that was made for it. Do what the work item says, and
            nothing else. Commit in steps that each make sense alone; what you leave uncommitted is committed
            for you. Stay on this branch and do not rewrite what was there. Build and tests are run again in another
            sandbox on what you deliver: only that decides. There is no credential here, and nothing to push to.
            \(reporting)
            """
        case .pullRequestIteration:
            """
            You work on the branch \(branch ?? "") of an open pull request. Settle the review threads
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
