// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Orchestrator
internal import TaskModel

/// The directories of sessions, and what their files tell.
///
///     <session>/lock         held by the session's process from before its first instruction to its end
///     <session>/begun.json   who it is: its first act
///     <session>/end.json     how it went: its last
///     <session>/news.jsonl   what it tells and asks meanwhile
///     <session>/answers      what it is told in return
///     <session>/log          what it said beside
///     <session>/delivered    result and evidence
struct SessionPlace {
    static let logName = "log"
    private let path: String

    init(_ path: String) throws(SystemError) {
        self.path = path
        let made = sp_mkdirat(AT_FDCWD, path, 0o700)
        if made < 0 && made != -Int(EEXIST) {
            throw SystemError("create", "directory \"\(path)\"", Errno(Int32(-made)))
        }
    }

    func make(_ session: String) throws(SystemError) -> Directory {
        let parent = try Directory.open(path)
        try parent.make(session, mode: 0o700, existing: true)
        return try parent.directory(session)
    }

    /// Nil when there is none.
    func open(_ session: String) throws(SystemError) -> Directory? {
        let parent = try Directory.open(path)
        guard try parent.contains(session) else { return nil }
        return try parent.directory(session)
    }

    /// Takes the lock of a session; nil when a process has it.
    static func takeLock(_ directory: borrowing Directory) throws(SystemError) -> Descriptor? {
        let lock = try directory.open(SessionFile.lock, O_RDWR | O_CREAT, mode: 0o600)
        let number = lock.number
        let result = sp_lock(number)
        if result == -Int(EAGAIN) || result == -Int(EACCES) { return nil }
        try checked("lock", "\"\(directory.path)\"") { result }
        return lock
    }

    static func isHeld(_ directory: borrowing Directory) throws(SystemError) -> Bool {
        guard try directory.contains(SessionFile.lock) else { return false }
        let lock = try directory.open(SessionFile.lock, O_RDONLY)
        let number = lock.number
        return try checked("ask after the lock in", "\"\(directory.path)\"") { sp_is_locked(number) } == 1
    }

    static func hasBegun(_ directory: borrowing Directory) throws(SystemError) -> Bool {
        try directory.contains(SessionFile.begun)
    }

    static func begun(_ directory: borrowing Directory) throws(SystemError) -> SessionProcess? {
        guard try hasBegun(directory) else { return nil }
        let json = try read(SessionFile.begun, directory)
        guard let pid = json["pid"]?.intValue.flatMap({ Int32(exactly: $0) }), pid > 0,
            let start = json["start"]?.stringValue, let boot = json["boot"]?.stringValue
        else { throw unreadable(SessionFile.begun, directory) }
        return SessionProcess(pid: pid, start: start, boot: boot)
    }

    /// What a session told in the end; nil when it told nothing.
    static func end(_ directory: borrowing Directory) throws(SystemError) -> SessionStatus? {
        guard try directory.contains(SessionFile.end) else { return nil }
        let json = try read(SessionFile.end, directory)
        if let message = json["error"]?["message"]?.stringValue {
            return .failed(SessionFailure(.ended, message))
        }
        guard let report = json["report"].flatMap(SessionReport.init(json:)) else {
            throw unreadable(SessionFile.end, directory)
        }
        return .completed(report)
    }

    /// What a session told behind a number.
    static func news(_ directory: borrowing Directory, after number: Int) throws(SystemError) -> [SessionNews] {
        guard try directory.contains(SessionFile.news) else { return [] }
        let bytes = try directory.read(SessionFile.news, limit: SessionNews.mostBytes)
        // One that is not whole yet, or that its process died over, is none.
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast()
        var news: [SessionNews] = []
        for (index, line) in lines.enumerated().dropFirst(number) {
            let json: JSON
            do throws(JSONParser.Failure) { json = try JSONParser.parse(Array(line)) } catch {
                throw unreadable(SessionFile.news, directory)
            }
            guard let one = SessionNews(json: json), one.sequence == index + 1 else {
                throw unreadable(SessionFile.news, directory)
            }
            news.append(one)
        }
        return news
    }

    /// Writes an answer, unless there is one.
    static func answer(_ question: String, _ answer: ApprovalAnswer, in directory: borrowing Directory)
        throws(SystemError)
    {
        let answers = try directory.directory(SessionFile.answers)
        let name = SessionFile.answer(question)
        guard try !answers.contains(name) else { return }
        let json = JSON.object([.init("version", 1)] + (answer.json.objectValue ?? []))
        // Whoever waits for it finds it whole.
        try answers.replace(name, with: JSONWriter().write(json) + [0x0A])
    }

    private static func read(_ name: String, _ directory: borrowing Directory) throws(SystemError) -> JSON {
        let bytes = try directory.read(name)
        do throws(JSONParser.Failure) { return try JSONParser.parse(bytes) } catch { throw unreadable(name, directory) }
    }

    private static func unreadable(_ name: String, _ directory: borrowing Directory) -> SystemError {
        SystemError(
            "read", "\"\(directory.path)/\(name)\"", .invalid, remedy: "Use one build of all programs of Sallyport.")
    }
}
