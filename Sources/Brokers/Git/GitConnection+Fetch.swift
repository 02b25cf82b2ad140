// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Egress
internal import Glibc
internal import LinuxSystem
internal import Wire
internal import Workspace

/// Clone and fetch: answered by git's own upload-pack, which alone knows shallow and partial clones.
///
/// It gets the whole request as a file and its answer is passed on unread. It runs under what this process has left by
/// then: the two repositories to read, nothing to write, no socket, no other process.
extension GitConnection {
    static let mostRequestBytes = 16 << 20
    private static let turnSeconds: UInt32 = 300
    private static let program = "/usr/bin/git"

    func fetch(_ request: GitRequest, _ head: RequestHead, _ rest: [UInt8]) -> GitOutcome {
        do throws(SystemError) {
            let input: Descriptor?
            do throws(IncomingBody.Failure) {
                input = request.action == .call ? try collect(request, head, rest) : nil
            } catch { return refuse(error) }
            // After the body, which a slow client would otherwise hold a turn for.
            let turn = try Quarantine.readersTurn(BrokerView.quarantine, getpid(), within: Self.turnSeconds)
            let outcome = try run(request, input, isChunked: head.minorVersion == 1)
            _ = consume turn
            return outcome
        } catch {
            return refuse(
                .internalError, "the repository cannot be read; see the session's record", because: "\(error)")
        }
    }

    /// The body as a file in memory: a pipe could be full on both sides.
    private func collect(_ request: GitRequest, _ head: RequestHead, _ rest: [UInt8]) throws(IncomingBody.Failure)
        -> Descriptor
    {
        var body = try IncomingBody(
            head, rest: rest, isCompressed: request.isCompressed, limit: Self.mostRequestBytes)
        let made = sp_memfd("request")
        guard made >= 0 else { throw .connection(.gone) }
        let file = Descriptor(owning: Int32(made))
        while let piece = try body.next(&client) {
            do throws(SystemError) { try file.writeAll(piece, subject: "the request") } catch {
                throw .body(.tooLarge)
            }
        }
        _ = lseek(file.number, 0, SEEK_SET)
        return file
    }

    private func run(_ request: GitRequest, _ input: consuming Descriptor?, isChunked: Bool) throws(SystemError)
        -> GitOutcome
    {
        let output = try Channel.pipe()
        let errors = Descriptor(owning: Int32(try checked("create", "a file in memory") { sp_memfd("errors") }))
        var arguments = [Self.program, "upload-pack", "--strict", "--stateless-rpc"]
        if request.action == .advertise { arguments.append("--advertise-refs") }
        let child = try spawn(
            arguments + [BrokerView.quarantine], environment: UploadPack.environment(version: request.version),
            [input?.number ?? -1, output.second.number, errors.number])
        var relayed: (status: Int32, answer: Answer)?
        // The pipe's writing end here would keep its reading end from ever seeing the end.
        output.split { reader, writer in
            _ = consume writer
            let answer = relay(reader, request, isChunked)
            _ = consume reader
            var status: Int32 = -1
            _ = sp_reap(child, &status)
            relayed = (status, answer)
        }
        guard let relayed else { return .told }
        let failed = sp_exited(relayed.status) == 0 || sp_exit_code(relayed.status) != 0
        let said = failed ? try errors.readStart(400, subject: "what git said") : []
        let reason = failed ? "git upload-pack ended with status \(relayed.status): \(text(said))" : nil
        if relayed.answer == .none && !failed { send(.ok, head(of: request, isChunked)) }
        guard relayed.answer != .none || !failed else {
            return refuse(.internalError, "the repository cannot be read; see the session's record", because: reason)
        }
        note(status: .ok, reason: reason)
        // Without its end a client knows that the answer is not whole.
        if isChunked && !failed && relayed.answer != .cut { send(.ok, HTTPResponse.lastChunk) }
        return .fetched
    }

    private enum Answer { case none, whole, cut }

    /// Passes the answer on as it comes.
    ///
    /// - Parameter isChunked: False for a client of HTTP/1.0, which knows the answer's end by the connection's.
    private func relay(_ reader: borrowing Descriptor, _ request: GitRequest, _ isChunked: Bool) -> Answer {
        func framed(_ bytes: [UInt8]) -> [UInt8] { isChunked ? HTTPResponse.chunk(bytes[...]) : bytes }
        var begun = false
        while true {
            var piece = next(reader)
            if piece.isEmpty { return begun ? .whole : .none }
            var bytes: [UInt8] = []
            if !begun {
                begun = true
                bytes = head(of: request, isChunked)
                if request.action == .advertise {
                    let announcement = "# service=\(request.service.rawValue)\n"
                    piece = PktLine.encoded(announcement) + PktLine.flushBytes + piece
                }
            }
            bytes += framed(piece)
            do throws(ClientConnection.Failure) { try client.send(bytes) } catch {
                note(status: .ok, reason: "the client went away")
                return .cut
            }
        }
    }

    private func head(of request: GitRequest, _ isChunked: Bool) -> [UInt8] {
        let kind = request.action == .advertise ? "advertisement" : "result"
        return HTTPResponse.head(
            .ok, type: "application/x-\(request.service.rawValue)-\(kind)", length: isChunked ? .chunked : .untilClose)
    }

    /// What the program says next; empty at its end.
    private func next(_ reader: borrowing Descriptor) -> [UInt8] {
        let number = reader.number
        return [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
            var got = 0
            repeat { got = sp_read(number, buffer.baseAddress!, buffer.count) } while got == -Int(EINTR)
            count = max(0, got)
        }
    }

    private func spawn(_ arguments: [String], environment: [String], _ descriptors: [Int32]) throws(SystemError)
        -> Int32
    {
        let argv = arguments.map { strdup($0) } + [nil]
        let envp = environment.map { strdup($0) } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        return Int32(
            try checked("start", "\"\(arguments[0])\"") {
                sp_task_spawn(arguments[0], argv, envp, descriptors, Int32(descriptors.count))
            })
    }

    private func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.map { (0x20...0x7E).contains($0) ? $0 : 0x20 }, as: UTF8.self)
    }
}

/// How git's upload-pack is run: by our configuration alone.
enum UploadPack {
    /// Every setting that reaches it; the repository's own file has none, and no other file is read.
    static let settings: [(String, String)] = [
        // It belongs to the host, and this process can reach no other repository than these two.
        ("safe.directory", "*"),
        // Partial clones, whose missing objects a client asks for by name. Whoever may read the repository may read all.
        ("uploadpack.allowFilter", "true"), ("uploadpack.allowAnySHA1InWant", "true"),
        // The others walk as much as a client likes.
        ("uploadpackfilter.allow", "false"), ("uploadpackfilter.blob:none.allow", "true"),
        ("uploadpackfilter.blob:limit.allow", "true"), ("uploadpackfilter.tree.allow", "true"),
        ("uploadpackfilter.object:type.allow", "true"),
        // No thread may be made here, and memory is bounded.
        ("pack.threads", "1"), ("pack.windowMemory", "64m"), ("pack.deltaCacheSize", "64m"),
        ("transfer.advertiseSID", "false"), ("gc.auto", "0"), ("maintenance.auto", "false"),
    ]

    static func environment(version: Int) -> [String] {
        var result = [
            "PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1",
            "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0",
            // A promisor remote in a repository's configuration is never asked. CVE-2024-32004
            "GIT_NO_LAZY_FETCH=1", "GIT_ALTERNATE_OBJECT_DIRECTORIES=\(BrokerView.mirror)/objects",
            "GIT_CONFIG_COUNT=\(settings.count)",
        ]
        for (index, setting) in settings.enumerated() {
            result += ["GIT_CONFIG_KEY_\(index)=\(setting.0)", "GIT_CONFIG_VALUE_\(index)=\(setting.1)"]
        }
        if version == 2 { result.append("GIT_PROTOCOL=version=2") }
        return result
    }
}
