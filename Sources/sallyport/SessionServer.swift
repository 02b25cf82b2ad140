// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy
internal import Supervisor
internal import Wire

/// Not for people: serves one request that the listening supervisor took, and becomes the session's supervisor for one
/// that asks for a session.
///
/// The client's connection is descriptor 3, with the request in it that the listener looked at and nobody took. It is taken
/// and judged here, where nothing is lost when a client's file makes its reader wait.
enum SessionServer {
    static func run(_ words: [String]) -> Int32 {
        if words == [Listener.clearing], geteuid() == 0 { return clear() }
        guard words.count == 3, let count = Int32(words[2]), (0...1024).contains(count), geteuid() == 0 else {
            Output.error("\(Listener.serverVerb) is started by sallyport supervise")
            return 125
        }
        do {
            let client = try ClientEnd(Descriptor(owning: Listener.connection))
            let processes = (0..<count).map { Listener.firstProcess + $0 }
            do { try serve(words[0], ceiling: words[1], client, processes) } catch {
                client.conclude(.refused("\(error)"))
            }
            return 0
        } catch {
            // Nobody is there who could be told.
            return 125
        }
    }

    /// What dead sessions left goes, and nobody's record does.
    private static func clear() -> Int32 {
        do {
            let context = try Context.make()
            try context.paths.prepare()
            var sweep = Sweep(context.paths, mode: .current, sparesRecords: true)
            return try sweep.run().failures.isEmpty ? 0 : 1
        } catch {
            // Root's own sweep says what is in its way.
            return 125
        }
    }

    private static func serve(_ verb: String, ceiling: String, _ client: ClientEnd, _ processes: [Int32]) throws {
        // First of all: hanging up over files that nobody took would cost the client our answer.
        let (request, files) = try client.request()
        let peer = client.peer
        let entry = try CeilingFile(ceiling).entry(of: peer.uid)
        guard peer.isNeighbour, entry != nil || peer.uid == 0 else {
            throw SystemError("serve", "uid \(peer.uid)", .notPermitted, remedy: "No entry of \"\(ceiling)\" names it.")
        }
        let context = try Context.make()
        let questions = SessionQuestions(context.paths, of: peer)
        switch request {
        case .run where verb == "run":
            guard let entry else { throw SystemError("serve", "uid \(peer.uid)", .notPermitted) }
            try session(
                RunDocument(try document(files)), Array(files.dropFirst()), entry, ceiling: ceiling, context, client)
        case .list where verb == "list":
            let list = try SealedDocument.make(try questions.list(), name: "sessions")
            client.conclude(.document, descriptors: [list.number])
        case .stop where verb == "stop":
            try questions.stop(try document(files))
            client.conclude(.done)
        case .settle where verb == "settle":
            try questions.settle(processes)
            client.conclude(.done)
        // The listener counted something else.
        case .run, .list, .stop, .settle: throw SystemError("serve", "\"\(verb)\"", .invalid)
        }
    }

    private static func document(_ files: [Int32]) throws(SystemError) -> [UInt8] {
        guard let first = files.first else { throw SystemError("read", "the request", .noEntry) }
        return try SealedDocument.bytes(
            of: Descriptor(owning: first), limit: ListenerRequest.longestDocument, name: "request")
    }

    /// Becomes the supervisor of one session; returns only where there is none.
    private static func session(
        _ document: RunDocument, _ files: [Int32], _ entry: SessionCeiling.Entry, ceiling: String, _ context: Context,
        _ client: ClientEnd
    ) throws {
        var request = try document.request(files, of: client.peer, within: entry) { name throws(PolicyError) in
            try context.profiles.load(name).expandingRegistries(context.registries.expand)
        }
        guard let handed = request.handed else { throw SystemError("start", "a session", .invalid) }
        if handed.has(.attendant) {
            // Where the operator says nothing, nobody without root opens more than the profiles that they may have.
            let ceiling = try EgressCeiling.load(context.profiles, context.registries, path: ceiling)
            request.attendance = SessionAttendance(
                socket: try handed.number(.attendant), try document.attended(),
                ceiling: ceiling ?? EgressPolicy(directIP: .explain, rules: []))
        }
        for (role, standard) in [(HandedFiles.Role.input, Int32(0)), (.output, 1), (.error, 2)] {
            let number = try handed.number(role)
            try checked("take over", "\(role)") { sp_dup2(number, standard) }
            _ = sp_close(number)
        }
        let head = try HeadStart.begin()
        let session = SessionRun(
            request, head, paths: context.paths, programs: context.programs,
            fault: FaultPoint(environmentValue("SALLYPORT_FAULT_POINT")), environment: document.environment(files))
        session.client = client
        session.began = { id in client.tell(.started(session: id.text)) }
        let result = try session.run()
        // Told to the client and not written by us: whoever does not read its own errors must not keep root waiting.
        let lines = RunReport(result, request, json: document.asJSON).lines.map { $0 + "\n" }.joined()
        let words = try SealedDocument.make(Array(lines.utf8), name: "report")
        client.conclude(.ended(status: result.exitStatus()), descriptors: [words.number])
        withExtendedLifetime(session) { _exit(0) }
    }
}
