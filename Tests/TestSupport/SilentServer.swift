// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A server on loopback that takes every connection and never says a word, or never stops talking.
package final class SilentServer {
    package let port: String
    private let running: Running

    package init(in directory: String, endless: Bool = false) throws {
        let script = """
            import socket, sys
            server = socket.create_server(("127.0.0.1", 0))
            print(server.getsockname()[1], flush=True)
            held = []
            while True:
                client, _ = server.accept()
                held.append(client)
                print("connected", flush=True)
                if sys.argv[1] != "endless": continue
                client.recv(65536)
                head = "HTTP/1.1 200 OK\\r\\nContent-Type: application/x-git-upload-pack-advertisement\\r\\n\\r\\n"
                try:
                    client.sendall(head.encode() + b"001e# service=git-upload-pack\\n0000")
                    number = 0
                    while True:
                        line = "%040x refs/heads/b%d\\n" % (1, number)
                        if number == 0: line = line[:-1] + "\\0agent=x\\n"
                        client.sendall(b"%04x%s" % (len(line) + 4, line.encode()))
                        number += 1
                except OSError: pass
            """
        var command = Command("/usr/bin/python3", ["-c", script, endless ? "endless" : "silent"])
        command.directory = directory
        running = try command.start()
        guard let port = try running.line() else { throw HarnessError("the silent server did not start") }
        self.port = port
    }

    /// Waits for the next client.
    package func connected() throws {
        guard try running.line() == "connected" else { throw HarnessError("the silent server is gone") }
    }

    /// Ends it, and returns a line for each client that it had.
    package func stop() throws -> [String] {
        try running.signal(SIGTERM)
        return Array(try running.finish().lines.dropFirst())
    }

    deinit {
        do { try running.signal(SIGKILL) } catch { print("note: \(error)") }
    }
}

/// What is running on this machine now.
package enum Processes {
    /// The ids of the children of a process, and of theirs.
    package static func below(_ parent: Int32) -> [Int32] {
        var parents: [Int32: Int32] = [:]
        for name in names("/proc") {
            guard let id = Int32(name), let stat = text("/proc/\(name)/stat"), let end = stat.lastIndex(of: ")") else {
                continue
            }
            let fields = stat[stat.index(after: end)...].split(separator: " ")
            if fields.count > 1, let parent = Int32(fields[1]) { parents[id] = parent }
        }
        var found: [Int32] = []
        var waiting = [parent]
        while let next = waiting.popLast() {
            let children = parents.filter { $0.value == next }.map(\.key)
            found += children
            waiting += children
        }
        return found
    }

    /// The arguments of a process; empty when it is gone.
    package static func arguments(_ id: Int32) -> [String] {
        (text("/proc/\(id)/cmdline") ?? "").split(separator: "\0").map(String.init)
    }

    /// Waits until none is left that has a text among its arguments: one that was killed is not gone at once.
    package static func waitUntilGone(having part: String) throws(HarnessError) {
        while let id = having(part).first {
            let watch: ProcessWatch
            // Gone since it was listed.
            do throws(HarnessError) { watch = try ProcessWatch(id) } catch { continue }
            try watch.waitForEnd(.seconds(60))
        }
    }

    /// Those that have a text among their arguments.
    package static func having(_ part: String) -> [Int32] {
        names("/proc").compactMap { Int32($0) }.filter { id in arguments(id).contains { $0.contains(part) } }
    }
}
