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

    /// What an agent of a workflow is told in place of the duty of its task.
    ///
    /// - Parameter isAgain: Its work was reviewed, and is to be mended.
    package static func text(_ role: AgentRole, _ type: TaskType, branch: String?, isAgain: Bool = false) -> String {
        switch role {
        case .plan:
            """
            You plan work that another agent is going to do. The repository is checked out here, read-only, and nothing you
            change leaves. Read what you need, and write the plan as one JSON document to the file named by $SALLYPORT_PLAN:

                {"version": 1, "summary": "<what is to be done, and how>", "steps": [
                  {"title": "<one line>", "detail": "<what to change and why>", "files": ["<path>"]}],
                 "risks": ["<what could go wrong>"]}

            It has one to thirty steps and 32 KiB at most. A person may read it before anything is done.
            """
        case .work:
            text(type, branch: branch)
                + (isAgain
                    ? """

                    Another agent has reviewed what lies on the branch and found what does not pass: it stands below. Mend it with
                    more commits. What is mistaken there may stay, if a commit message says why.
                    """
                    : """

                    The plan below was made for it. Keep to it where it is right.
                    """)
        case .review:
            """
            You review a change that another agent made for the work item below. Its result is checked out here, read-only;
            /run/sallyport/change.patch has the change itself. Look whether it does what the work item asks, whether it is right,
            and what it breaks. Write what you find as one JSON document to the file named by $SALLYPORT_FINDINGS:

                {"version": 1, "summary": "<what you think of the change>", "findings": [
                  {"file": "<path>", "line": <number or null>, "severity": "critical|major|minor|note",
                   "comment": "<what is wrong and why>", "suggestion": "<text for the line, or null>"}]}

            A finding names a file of this result. One that is critical or major sends the change back; say no more than is so.
            """
        }
    }

    private static let reporting = """
        You may write a summary of what you did to the file named by $SALLYPORT_SUMMARY, and lines such as "turn",
        "tool NAME ok", "tool NAME failed" and "cost MICRO_DOLLARS" to the one named by $SALLYPORT_EVENTS.
        """
}
