// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// A service of the host on a Unix socket: says how many bytes and descriptors came, and from which process and user.
final class SocketService {
    private let running: Running
    let path: String

    /// Answers each client when that has said all; prints the same.
    private static let program = """
        import os, socket, struct, sys, threading
        def serve(client):
            process, user, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            count = passed = 0
            while True:
                data, extra, _, _ = client.recvmsg(65536, 4096)
                passed += sum(len(d) // 4 for _, kind, d in extra if kind == socket.SCM_RIGHTS)
                if not data: break
                count += len(data)
            # A descriptor of the service's own, as such services hand out.
            client.sendmsg([b"%d bytes" % count], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", 1))])
            client.close()
            print("%d bytes, %d descriptors, process %d, user %d" % (count, passed, process, user), flush=True)
        listener = socket.socket(socket.AF_UNIX)
        if os.path.lexists(sys.argv[1]): os.unlink(sys.argv[1])
        listener.bind(sys.argv[1])
        os.chmod(sys.argv[1], int(sys.argv[2], 8))
        listener.listen(64)
        print("ready", flush=True)
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client,), daemon=True).start()
        """

    /// - Parameter command: How its user starts a program.
    init(
        _ path: String, mode: String = "0777", _ command: (String, [String]) -> Command = { Command($0, $1) }
    ) throws {
        self.path = path
        running = try command("/usr/bin/python3", ["-B", "-c", Self.program, path, mode]).start()
        guard try running.line() == "ready" else {
            throw HarnessError("no service: \(try running.finish().errorText)")
        }
    }

    /// What it says of the next client that is done.
    func served() throws -> String? { try running.line() }

    func stop() throws {
        try running.signal(SIGKILL)
        _ = try running.finish()
    }
}

/// A session with a program inside that connects when it is told to.
final class SocketSession {
    /// One line of input, one of output: the answer, or the error's name.
    private static let program = """
        import array, errno, os, socket, sys
        kept = {}
        def connect(name):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(20)
            client.connect("/run/sockets/" + name)
            return client
        def ask(name, count=5, passing=False):
            client = connect(name)
            client.sendall(b"x" * count)
            if passing: client.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))])
            client.shutdown(socket.SHUT_WR)
            data, extra, _, _ = client.recvmsg(4096, 4096)
            return data.decode() + (" and a descriptor" if extra else "")
        def hold(name):
            kept[name] = connect(name)
            kept[name].sendall(b"x")
            return "held"
        def ended(name): return kept.pop(name).recv(1) == b""
        def shown(path): return os.path.lexists(path)
        print("ready", flush=True)
        for line in sys.stdin:
            try: print(eval(line), flush=True)
            except OSError as error: print(errno.errorcode.get(error.errno, repr(error)), flush=True)
        """

    let running: Running
    private let record: String

    init(_ command: (_ record: String, _ program: [String]) -> Command, record: String) throws {
        self.record = record
        running = try command(record, ["/usr/bin/python3", "-B", "-c", Self.program]).start()
        guard try running.line() == "ready" else {
            throw HarnessError("no session: \(try running.finish().errorText)")
        }
    }

    func tell(_ line: String) throws -> String? {
        try running.send(Array((line + "\n").utf8))
        return try running.line()
    }

    /// The record, and the audit as its lines.
    func finish(below runtime: String) throws -> (record: JSON, audit: [JSON], errors: String) {
        running.closeInput()
        let finished = try running.finish()
        let result = try JSON.read(try #require(contents(record)), file: record)
        let session = try #require(result["session"]?.stringValue)
        let audit = try #require(text("\(runtime)/sessions/\(session)/audit.jsonl"))
        return (
            result, try audit.split(separator: "\n").map { try JSON.read(Array($0.utf8), file: "audit") },
            finished.errorText
        )
    }
}
