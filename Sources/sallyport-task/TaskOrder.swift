// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import Delivery
internal import Glibc
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// A task as it was ordered: arguments, files and the forge's records read once and checked.
struct TaskOrder {
    let type: TaskType
    let item: WorkItem
    /// The item is the text of the command line and nothing else.
    let isPlain: Bool
    /// Who is behind the words of the work item.
    let trust: Prompt.Trust
    /// What the requester says besides.
    let words: String?
    let instructions: String?
    let criteria: [Criterion]
    let forge: TaskForge?
    let pull: PullRequest?
    /// The issue that the item is, where it is one of the forge.
    let issue: Issue?
    /// The files that the pull request changes, where the forge tells.
    let files: [ChangedFile]?
    /// A directory, or the URL of the upstream.
    let repository: String
    /// Nil for a directory.
    let upstream: RemoteURL?
    let deliver: TaskArguments.Deliver

    static let author = "sallyport"
    private static let longestFile = 256 << 10

    /// Reads what the forge has of it; the forge itself is looked at first.
    init(_ arguments: TaskArguments, _ forge: TaskForge?) throws(TaskFailure) {
        type = arguments.type
        isPlain = arguments.issue == nil && arguments.pullRequest == nil
        let text = try arguments.task.map { (task) throws(TaskFailure) in try TaskText(argument: task) }
        let said = try arguments.instructions.map { (text) throws(TaskFailure) in
            try TaskText(argument: text, what: "the instructions", longest: 8000).text
        }
        instructions = arguments.settled?.snapshot.blueprint.agent.systemPrompt ?? said
        self.forge = forge
        try forge?.requireAccess(writing: arguments.pushes)
        let named = arguments.repository ?? forge?.repository ?? ""
        if named.contains("://"), case .remote(let url) = try Upstream(argument: named) {
            (repository, upstream) = (url.text, url)
        } else {
            (repository, upstream) = (named, nil)
        }
        deliver = arguments.deliver ?? (forge == nil ? .branch : .pullRequest)
        if let number = arguments.pullRequest, let forge {
            let pull = try reaching { () throws(ForgeError) in
                let pull = try forge.forge.pullRequest(number)
                try pull.requireOwnOpenBranch()
                return pull
            }
            if arguments.pushes { try forge.requireUnprotected(pull.head) }
            self.pull = pull
            self.issue = nil
            files = try forge.files(of: number)
            item = WorkItem(kind: .pr, number: number, title: pull.title, body: pull.body)
            trust = .thirdParty
            words = text?.text
        } else if let issue = arguments.issue {
            (pull, files) = (nil, nil)
            words = text?.text
            (item, trust, self.issue) = try Self.item(issue, forge)
        } else {
            (pull, self.issue, files) = (nil, nil, nil)
            words = nil
            trust = .requester
            let body = text?.text ?? ""
            item = WorkItem(kind: .issue, title: TaskText.title(of: body), body: body)
        }
        let more = try arguments.criteria.map { (path) throws(TaskFailure) in
            let bytes = try Self.read(path)
            return try modelled { () throws(TaskModelError) in try Criterion.list(bytes, file: path) }
        }
        criteria = item.criteria + (more ?? [])
        var names: Set<String> = []
        for criterion in criteria where !names.insert(criterion.name).inserted {
            throw TaskFailure(
                "use", "the criteria", "two are named \"\(criterion.name)\"", remedy: "Give each a name of its own.")
        }
        if let pull, pull.head == "base" || pull.head.hasPrefix("base/") {
            throw TaskFailure(
                "work on", "branch \"\(pull.head)\"", "its name is the one of the base commit in a task's repository",
                remedy: "Rename the branch.")
        }
    }

    /// The words that an agent gets as its task, and that commits are titled after.
    var text: String {
        var text = item.body
        if !isPlain && !text.hasPrefix("# ") { text = item.title + "\n\n" + text }
        if let words { text = item.kind == .pr ? words + "\n\n" + text : text + "\n\n" + words }
        return text
    }

    private static func item(_ issue: String, _ forge: TaskForge?) throws(TaskFailure)
        -> (WorkItem, Prompt.Trust, Issue?)
    {
        guard let number = Int(issue) else {
            let bytes = try read(issue)
            return (
                try modelled { () throws(TaskModelError) in try WorkItem.read(bytes, file: issue) }, .requester, nil
            )
        }
        guard let forge else {
            throw TaskFailure(
                "read", "issue \(number)", "there is no forge",
                remedy: "Name its directory with --forge, or give a file.")
        }
        let found = try reaching { () throws(ForgeError) in try forge.forge.issue(number) }
        guard found.isOpen else {
            throw TaskFailure("work on", "issue \(number)", "it is closed", remedy: "Reopen it.")
        }
        var body = found.body
        for comment in found.comments { body += "\n\nComment by \(comment.author):\n\(comment.body)" }
        guard body.utf8.count <= WorkItem.longestBody else {
            throw TaskFailure(
                "use", "issue \(number)", "its text is longer than \(WorkItem.longestBody) bytes",
                remedy: "Open a shorter one.")
        }
        return (WorkItem(kind: .issue, number: number, title: found.title, body: body), .thirdParty, found)
    }

    private static func read(_ path: String) throws(TaskFailure) -> [UInt8] {
        try host { () throws(SystemError) in
            try Descriptor.open(path, O_RDONLY | O_NONBLOCK).readAll(limit: longestFile, subject: "\"\(path)\"")
        }
    }
}

/// Runs a call of a forge and gives its error this module's type.
func reaching<Result>(_ body: () throws(ForgeError) -> Result) throws(TaskFailure) -> Result {
    do throws(ForgeError) { return try body() } catch {
        throw TaskFailure(message: error.description, code: error.code.rawValue)
    }
}

private func modelled<Result>(_ body: () throws(TaskModelError) -> Result) throws(TaskFailure) -> Result {
    do throws(TaskModelError) { return try body() } catch { throw TaskFailure(message: error.description) }
}
