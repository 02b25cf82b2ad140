// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Secrets
package import TaskModel

/// A forge in a directory: a bare repository, and issues and pull requests as files, for work without a network.
///
///     forge.json        {"version": 1}
///     lock              held while anything is changed
///     repository.git    the bare repository
///     issues/N.json     one issue
///     pulls/N.json      one pull request with its reviews and threads
///
/// Issues and pull requests share one row of numbers. A file is replaced whole, so that a reader needs no lock.
package struct LocalForge: Forge, Sendable {
    package let path: String
    /// The bare repository of the forge.
    package var repository: String { path + "/repository.git" }
    private let clock: @Sendable () -> Int

    private static let longestFile = 16 << 20

    /// Opens a forge that is there.
    ///
    /// - Parameter clock: Milliseconds since 1970.
    package init(path: String, clock: @escaping @Sendable () -> Int) throws(ForgeError) {
        self.path = path
        self.clock = clock
        let record = try ForgeRecord(
            try Self.system { () throws(SystemError) in
                try Directory.open(path).read("forge.json", limit: Self.longestFile)
            },
            subject: "\"\(path)/forge.json\"")
        guard try record.number("version") == 1 else { throw record.wrong("version", "1") }
    }

    /// Makes the directory of a new forge, without its repository.
    package static func create(path: String) throws(ForgeError) {
        try system { () throws(SystemError) in
            let made = sp_mkdirat(AT_FDCWD, path, 0o755)
            if made < 0 && made != -Int(EEXIST) {
                throw SystemError("create", "directory \"\(path)\"", Errno(Int32(-made)))
            }
            let directory = try Directory.open(path)
            guard try !directory.contains("forge.json") else {
                throw SystemError("make a forge in", "\"\(path)\"", .exists, remedy: "It is one already.")
            }
            try directory.make("issues", mode: 0o755, existing: true)
            try directory.make("pulls", mode: 0o755, existing: true)
            try directory.replace("forge.json", with: Array("{\"version\": 1}\n".utf8), mode: 0o644)
        }
    }

    // MARK: Reading

    package func issue(_ number: Int) throws(ForgeError) -> Issue {
        try Issue(try read("issues", number, "issue \(number)"))
    }

    package func pullRequest(_ number: Int) throws(ForgeError) -> PullRequest {
        try PullRequest(try read("pulls", number, "pull request \(number)"))
    }

    private func read(_ kind: String, _ number: Int, _ name: String) throws(ForgeError) -> ForgeRecord {
        let file = "\(kind)/\(number).json"
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try Directory.open(path).read(file, limit: Self.longestFile)
        } catch {
            guard error.errno == .noEntry else { throw ForgeError(error) }
            throw ForgeError(
                kind == "pulls" ? .notOpen : .notFound, "read", "\(name) of \"\(path)\"", "there is none",
                remedy: "Check the number.")
        }
        let record = try ForgeRecord(bytes, subject: "\"\(path)/\(file)\"")
        guard try record.number("number") == number else { throw record.wrong("number", "\(number), as its file says") }
        return record
    }

    // MARK: Changing

    package func openIssue(title: String, body: String, by author: String) throws(ForgeError) -> Issue {
        try changing { () throws(ForgeError) in
            let issue = Issue(
                number: try nextNumber(), title: title, body: body, isOpen: true, author: author, comments: [])
            try write("issues", issue.number, issue.json)
            return issue
        }
    }

    package func open(_ draft: PullRequest.Draft) throws(ForgeError) -> PullRequest {
        try changing { () throws(ForgeError) in
            for number in try numbers("pulls") {
                let other = try pullRequest(number)
                guard other.state != .open || other.head != draft.head || other.base != draft.base else {
                    throw ForgeError(
                        .exists, "open a pull request for", "branch \"\(draft.head)\"", "number \(number) is open",
                        remedy: "Work on that one with --type pr_iteration --pr \(number).")
                }
            }
            let made = PullRequest(
                number: try nextNumber(), title: Redactor.redacted(draft.title),
                body: Redactor.redacted(draft.body), state: .open, author: draft.author,
                base: draft.base, head: draft.head, headRepository: nil, threads: [], reviews: [], comments: [])
            try write("pulls", made.number, made.json)
            return made
        }
    }

    package func update(_ number: Int, title: String?, body: String?) throws(ForgeError) {
        try change(number) { (pull) throws(ForgeError) in
            guard pull.state == .open else { throw pull.notOpen }
            if let title { pull.title = Redactor.redacted(title) }
            if let body { pull.body = Redactor.redacted(body) }
        }
    }

    package func post(_ findings: Findings, on number: Int, of commit: String, by author: String, note: String)
        throws(ForgeError) -> Int
    {
        var review = 0
        try change(number) { (pull) throws(ForgeError) in
            let now = clock()
            review = (pull.reviews.map(\.number).max() ?? 0) + 1
            var next = (pull.threads.map(\.number).max() ?? 0) + 1
            var opened: [Int] = []
            for finding in findings.findings {
                var body = finding.comment
                if let suggestion = finding.suggestion { body += "\n\nSuggestion:\n\n" + Quoted.block(suggestion) }
                pull.threads.append(
                    .init(
                        number: next, key: nil, file: finding.file, line: finding.line,
                        severity: finding.severity.rawValue,
                        isResolved: false,
                        comments: [Comment(author: author, body: Redactor.redacted(body), created: now)]))
                opened.append(next)
                next += 1
            }
            pull.reviews.append(
                .init(
                    number: review, author: author, commit: commit, summary: Redactor.redacted(findings.summary),
                    note: note,
                    threads: opened, created: now))
        }
        return review
    }

    package func reply(to thread: PullRequest.Thread, on number: Int, _ body: String, by author: String)
        throws(ForgeError)
    {
        try change(number) { (pull) throws(ForgeError) in
            let index = try Self.index(of: thread.number, in: pull)
            pull.threads[index].comments.append(
                Comment(author: author, body: Redactor.redacted(body), created: clock()))
        }
    }

    package func resolve(_ thread: PullRequest.Thread, on number: Int) throws(ForgeError) {
        try change(number) { (pull) throws(ForgeError) in
            pull.threads[try Self.index(of: thread.number, in: pull)].isResolved = true
        }
    }

    package func comment(on number: Int, _ body: String, by author: String) throws(ForgeError) {
        try changing { () throws(ForgeError) in
            let comment = Comment(author: author, body: Redactor.redacted(body), created: clock())
            if try numbers("pulls").contains(number) {
                var pull = try pullRequest(number)
                pull.comments.append(comment)
                try write("pulls", number, pull.json)
            } else {
                var issue = try issue(number)
                issue.comments.append(comment)
                try write("issues", number, issue.json)
            }
        }
    }

    /// Runs something while nobody else changes the forge; its repository included.
    package func changing<Result>(_ body: () throws(ForgeError) -> Result) throws(ForgeError) -> Result {
        let lock = try Self.system { () throws(SystemError) in
            let file = try Directory.open(path).open("lock", O_RDONLY | O_CREAT, mode: 0o644)
            let number = file.number
            try checked("lock", "\"\(path)/lock\"") { sp_flock(number, LOCK_EX) }
            return file
        }
        // The lock goes with the descriptor, whatever happens to this process.
        defer { _ = lock.number }
        return try body()
    }

    private func change(_ number: Int, _ body: (inout PullRequest) throws(ForgeError) -> Void) throws(ForgeError) {
        try changing { () throws(ForgeError) in
            var pull = try pullRequest(number)
            try body(&pull)
            try write("pulls", number, pull.json)
        }
    }

    private static func index(of thread: Int, in pull: PullRequest) throws(ForgeError) -> Int {
        guard let index = pull.threads.firstIndex(where: { $0.number == thread }) else {
            throw ForgeError(
                .notFound, "find", "thread \(thread) of pull request \(pull.number)", "there is none",
                remedy: "Check the number.")
        }
        return index
    }

    /// The number after the highest one in use; only while the lock is held.
    private func nextNumber() throws(ForgeError) -> Int {
        max(try numbers("issues").max() ?? 0, try numbers("pulls").max() ?? 0) + 1
    }

    private func numbers(_ kind: String) throws(ForgeError) -> [Int] {
        try Self.system { () throws(SystemError) in
            try Directory.open(path).directory(kind).names().compactMap { name in
                let text = String(decoding: name, as: UTF8.self)
                return text.hasSuffix(".json") ? Int(text.dropLast(5)) : nil
            }.sorted()
        }
    }

    private func write(_ kind: String, _ number: Int, _ json: JSON) throws(ForgeError) {
        let bytes = JSONWriter(pretty: true).write(json) + [0x0A]
        guard bytes.count <= Self.longestFile else {
            throw ForgeError(
                .refused, "write", "\"\(path)/\(kind)/\(number).json\"", "it would be longer than it may be",
                remedy: "Close it and go on in a new one.")
        }
        try Self.system { () throws(SystemError) in
            let directory = try Directory.open(path)
            let name = "\(kind)/\(number).json"
            try directory.replace(name, with: bytes, mode: 0o644)
            // The forge's owner can go on with what a task of root wrote.
            let owner = try FileStatus.of(directory.fd, subject: "\"\(path)\"")
            guard geteuid() == 0, owner.uid != 0 else { return }
            let file = try directory.open(name, O_RDONLY)
            let descriptor = file.number
            try checked("give", "\"\(path)/\(name)\" to its owner") { sp_fchown(descriptor, owner.uid, owner.gid) }
        }
    }

    private static func system<Result: ~Copyable>(_ body: () throws(SystemError) -> Result) throws(ForgeError)
        -> Result
    {
        do throws(SystemError) { return try body() } catch { throw ForgeError(error) }
    }
}
