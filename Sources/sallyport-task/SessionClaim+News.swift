// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel

/// What a session tells whoever looks after it, and what it asks; see ``SessionNews``.
extension SessionClaim {
    /// Tells something that becomes an event of the task.
    func tell(_ fact: EventType.Fact, _ payload: JSON = [:], source: EventSource = .observed) throws(TaskFailure) {
        _ = try host { () throws(SystemError) in try news.add(.fact(fact, source, payload)) }
    }

    /// Asks, and waits for the answer, however long that takes: who answers has the clock.
    ///
    /// - Returns: Nil when somebody asked us to stop meanwhile.
    func ask(_ request: ApprovalRequest, _ processes: ChildProcess) throws(TaskFailure) -> ApprovalAnswer? {
        // Watched before it is asked: an answer can come at once.
        let watch = try watchAnswers()
        let question = try begin(request)
        while true {
            if let answer = try answer(to: question) { return answer }
            guard processes.pause(until: watch) else { return nil }
        }
    }

    /// Asks without waiting; the question's name.
    func begin(_ request: ApprovalRequest) throws(TaskFailure) -> String {
        try host { () throws(SystemError) in try news.ask(request) }
    }

    /// Ends a question that needs no answer any more.
    func withdraw(_ question: String) throws(TaskFailure) {
        try host { () throws(SystemError) in try news.add(.withdrawal(question)) }
    }

    /// Becomes readable when an answer came.
    func watchAnswers() throws(TaskFailure) -> Descriptor {
        try host { () throws(SystemError) in
            try directory.make(SessionFile.answers, mode: 0o700, existing: true)
            let watch = Descriptor(owning: Int32(try checked("create", "an inotify instance") { sp_inotify_create() }))
            let (instance, path) = (watch.number, "\(directory.path)/\(SessionFile.answers)")
            try checked("watch", "\"\(path)\"") { sp_inotify_add(instance, path, UInt32(IN_MOVED_TO)) }
            return watch
        }
    }

    /// Makes the watch wait for the next answer.
    func forgetAnswers(_ watch: borrowing Descriptor) {
        var events = [UInt8](repeating: 0, count: 4096)
        while sp_read(watch.number, &events, events.count) > 0 {}
    }

    func answer(to question: String) throws(TaskFailure) -> ApprovalAnswer? {
        let name = SessionFile.answer(question)
        return try host { () throws(SystemError) in
            let answers = try directory.directory(SessionFile.answers)
            guard try answers.contains(name) else { return nil }
            let bytes = try answers.read(name)
            let malformed = SystemError(
                "read", "\"\(answers.path)/\(name)\"", .invalid, remedy: "Use one build of all programs of Sallyport.")
            let json: JSON
            do throws(JSONParser.Failure) { json = try JSONParser.parse(bytes) } catch { throw malformed }
            guard json["version"]?.intValue == 1, let answer = ApprovalAnswer(json: json) else { throw malformed }
            return answer
        }
    }
}

/// The file of a session's news, which only grows.
final class SessionNewsFile {
    private let file: Descriptor
    private let subject: String
    private var sequence = 0
    private var questions = 0
    private var bytes = 0

    /// Of a session that has just begun: what stands there already is of nobody.
    init(_ directory: borrowing Directory) throws(SystemError) {
        file = try directory.open(SessionFile.news, O_WRONLY | O_CREAT | O_APPEND | O_TRUNC, mode: 0o600)
        subject = "\"\(directory.path)/\(SessionFile.news)\""
    }

    func add(_ matter: SessionNews.Matter) throws(SystemError) {
        let line = JSONWriter().write(SessionNews(sequence + 1, matter).json) + [0x0A]
        guard bytes + line.count <= SessionNews.mostBytes else {
            throw SystemError(
                "write", subject, Errno(EFBIG), remedy: "This session has told more than any task may; see its log.")
        }
        try file.writeAll(line, subject: subject)
        sequence += 1
        bytes += line.count
    }

    /// - Returns: The name of the question.
    func ask(_ request: ApprovalRequest) throws(SystemError) -> String {
        let name = "q\(questions + 1)"
        try add(.question(SessionQuestion(name, request, severity: request.severity)))
        questions += 1
        return name
    }
}
