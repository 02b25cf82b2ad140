// SPDX-License-Identifier: Apache-2.0
internal import CLinux
package import Documents
internal import Glibc
package import LinuxSystem
internal import Wire

/// One request to the listening supervisor.
package struct SupervisorClient: ~Copyable {
    /// Names the listening supervisor's socket. Set, it is who makes sessions: nobody falls back to another way.
    package static let variable = "SALLYPORT_SUPERVISOR"

    private let socket: Descriptor
    private let path: String

    package init(_ path: String) throws(SystemError) {
        guard path.hasPrefix("/"), let slash = path.lastIndex(of: "/") else {
            throw SystemError("use", "\(Self.variable) \"\(path)\"", .invalid, remedy: "Give a socket's absolute path.")
        }
        let connected: Int
        do throws(SystemError) {
            // A path only: its directory need not be readable.
            let directory = try Descriptor.open(
                slash == path.startIndex ? "/" : String(path[..<slash]), O_PATH | O_DIRECTORY)
            let parent = directory.number
            let name = String(path[path.index(after: slash)...])
            connected = try checked("reach", "the listening supervisor at \"\(path)\"") {
                sp_control_connect(parent, name)
            }
        } catch {
            throw SystemError(
                error.operation, error.subject, error.errno,
                remedy:
                    "Start it as root: sallyport supervise --listen. Without \(Self.variable) a session is your own.")
        }
        socket = Descriptor(owning: Int32(connected))
        self.path = path
    }

    // MARK: A session

    /// How a session ended.
    package struct End: Sendable {
        package let status: Int32
        /// What its supervisor has to say of it, for stderr.
        package let words: [UInt8]
    }

    /// Has a session started and waits for its end.
    ///
    /// - Parameters:
    ///   - files: In the order of the document's.
    ///   - signals: Readable when the caller is asked to stop, which is passed on.
    /// - Throws: when it was refused, or when its supervisor ended without a word: the session is lost then.
    package func run(
        _ document: RunDocument, files: [Int32], signals: borrowing Descriptor
    ) throws(SystemError) -> End {
        let sealed = try SealedDocument.make(document.json, name: "request")
        try send(.run, [sealed.number] + files)
        var session: String?
        while true {
            let ready = sp_poll_two(socket.number, signals.number)
            if ready & 2 != 0 { try passOn(signals) }
            guard ready & 1 != 0 else { continue }
            guard let (reply, held) = try receive() else { throw lost(session) }
            switch reply {
            case .started(let name): session = name
            case .ended(let status):
                return End(status: status, words: try held.map { (file) throws(SystemError) in try text(file) } ?? [])
            case .refused(let text): throw Self.refusal(text)
            case .document, .done: throw SystemError("hear", "the listening supervisor", Errno(EPROTO))
            }
        }
    }

    private func passOn(_ signals: borrowing Descriptor) throws(SystemError) {
        while true {
            let number = sp_next_signal(signals.number)
            guard number >= 0 else { return }
            guard [SIGTERM, SIGINT, SIGHUP, SIGQUIT].contains(Int32(number)) else { continue }
            try send(.stop, [])
        }
    }

    private func lost(_ session: String?) -> SystemError {
        SystemError(
            "hear the end of", session.map { "session \($0)" } ?? "the session", Errno(ECONNRESET),
            remedy: "Its supervisor is gone without a word: the session is lost, whatever it did.")
    }

    /// The listening supervisor's own words, which say what to do already.
    private static func refusal(_ text: String) -> SystemError {
        SystemError(
            "have", "a session of the listening supervisor", .notPermitted, remedy: "It says: \(text.displayed)")
    }

    // MARK: Questions

    /// The sessions of one's own.
    package func list() throws(SystemError) -> JSON {
        try send(.list, [])
        guard case (.document, let file?)? = try answer() else { throw SystemError("list", "sessions", Errno(EPROTO)) }
        let bytes = try text(file)
        do throws(JSONParser.Failure) { return try JSONParser.parse(bytes) } catch {
            throw SystemError("read", "the list of sessions", .invalid, remedy: error.reason)
        }
    }

    /// Ends one of one's own sessions.
    package func stop(_ session: String, kill: Bool) throws(SystemError) {
        let document = try SealedDocument.make(
            .object([
                .init("version", .int(RunDocument.version)), .init("session", .string(session)),
                .init("kill", .bool(kill)),
            ]), name: "request")
        try send(.stop, [document.number])
        _ = try answer()
    }

    /// Returns when nothing is left of sessions whose clients are gone.
    package func settle() throws(SystemError) {
        try send(.settle, [])
        _ = try answer()
    }

    private func answer() throws(SystemError) -> (ListenerReply, DescriptorBox?)? {
        guard let (reply, held) = try receive() else {
            throw SystemError("hear", "the listening supervisor at \"\(path)\"", Errno(ECONNRESET))
        }
        if case .refused(let text) = reply { throw Self.refusal(text) }
        return (reply, held)
    }

    // MARK: Messages

    private final class DescriptorBox {
        let file: Descriptor
        init(_ file: consuming Descriptor) { self.file = file }
    }

    private func send(_ request: ListenerRequest, _ descriptors: [Int32]) throws(SystemError) {
        do throws(SystemError) {
            try socket.send(
                request.encoded(), descriptors: descriptors, subject: "a request to the listening supervisor")
        } catch {
            // It refused before it had heard anything, or ended just now: its last word is still there to be read.
            if error.errno != Errno(EPIPE) && error.errno != Errno(ECONNRESET) { throw error }
        }
    }

    private func receive() throws(SystemError) -> (ListenerReply, DescriptorBox?)? {
        let message: Received?
        do throws(SystemError) {
            message = try socket.receive(
                limit: ListenerReply.longest, room: 1, subject: "the listening supervisor's word")
        } catch {
            if error.errno == Errno(ECONNRESET) { return nil }
            throw error
        }
        guard let message else { return nil }
        let held = message.descriptors.first.map { DescriptorBox(Descriptor(owning: $0)) }
        do throws(MessageError) { return (try ListenerReply(decoding: message.bytes), held) } catch {
            throw SystemError(
                "read", "the listening supervisor's word", .invalid,
                remedy: "Use one build of all programs of Sallyport.")
        }
    }

    private func text(_ box: DescriptorBox) throws(SystemError) -> [UInt8] {
        let number = box.file.number
        try checked("rewind", "an answer") { Int(lseek(number, 0, SEEK_SET)) }
        return try box.file.readAll(limit: 16 << 20, subject: "an answer")
    }
}
