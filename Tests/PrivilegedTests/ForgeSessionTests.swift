// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// A session that finds a task's issue and pull request at forge.internal, seen from inside and from outside.
@Suite("forge.internal in a session", .requires(.root), .requires(.python))
struct ForgeSessionTests {
    private struct Scene {
        let sallyport: Sallyport
        let profile: String
        let file: String

        init(_ view: JSON = Scene.view) throws {
            sallyport = try Sallyport()
            profile = try sallyport.home.file(
                "profile.yaml", "version: 1\nextends: [strict]\nreason: a test of a forge\negress: {rules: []}\n")
            file = try sallyport.home.file("view.json", view.compactText)
        }

        static let view: JSON = [
            "version": 1, "repository": "octo/repo",
            "answers": [
                ["path": "", "body": ["full_name": "octo/repo", "permissions": ["push": true]]],
                ["path": "/issues/3", "body": ["number": 3, "title": "It breaks"]],
            ],
            "proposals": [
                "open_pull": ["head": "sallyport/t/x", "base": "main"], "update_pull": nil, "review": nil,
                "status": false,
            ],
        ]

        /// `ask(method, path, body)` prints status and answer; `raw(bytes)` the same of bytes as they are.
        static let client = """
            import json, socket, urllib.request, urllib.error
            def ask(method, path, body=None, headers={}):
                data = None if body is None else json.dumps(body).encode()
                request = urllib.request.Request("http://forge.internal" + path, data=data, method=method, headers=headers)
                try:
                    with urllib.request.urlopen(request, timeout=30) as answer:
                        print(answer.status, answer.read().decode().strip(), flush=True)
                except urllib.error.HTTPError as error:
                    print(error.code, error.read().decode().strip(), flush=True)
            def raw(*pieces):
                s = socket.create_connection(("forge.internal", 80), timeout=60)
                try:
                    for piece in pieces: s.sendall(piece)
                except (BrokenPipeError, ConnectionResetError): pass
                got = b""
                while piece := s.recv(65536): got += piece
                head, _, rest = got.partition(b"\\r\\n\\r\\n")
                print(head.split()[1].decode(), rest.decode().strip(), flush=True)

            """

        func run(_ script: String) throws -> Outcome {
            let record = sallyport.home.at("result-\(UInt32.random(in: 0...UInt32.max)).json")
            var command = sallyport.runCommand(
                profile: profile, options: ["--forge", file], record: record,
                ["/usr/bin/python3", "-B", "-c", Self.client + script])
            command.deadline = .seconds(200)
            return try sallyport.outcome(of: try command.run(), record: record)
        }

        func lines(_ name: String, of outcome: Outcome) throws -> [JSON] {
            let path = "\(sallyport.runtime)/sessions/\(try #require(outcome.session))/\(name)"
            return try (text(path) ?? "").split(separator: "\n").map { try JSONParser.parse(Array($0.utf8)) }
        }
    }

    @Test("reads what is there, proposes what may be, and is told why not of all else", .timeLimit(.minutes(25)))
    func whole() throws {
        let scene = try Scene()
        let outcome = try scene.run(
            """
            ask("GET", "/repos/octo/repo", headers={"Authorization": "Bearer whatever"})
            ask("GET", "/api/v3/repos/octo/repo/issues/3")
            ask("POST", "/repos/octo/repo/pulls", {"title": "T", "head": "sallyport/t/x", "base": "main"})
            ask("PUT", "/repos/octo/repo/pulls/9/merge", {})
            ask("POST", "/graphql", {"query": "mutation { mergePullRequest }"})
            ask("GET", "/repos/mallory/repo")
            """)
        let lines = outcome.lines
        try #require(outcome.code == 0 && lines.count == 6, "\(outcome.text)\(outcome.errorText)")
        #expect(lines[0].hasPrefix("200 ") && lines[0].contains("octo/repo"))
        #expect(lines[1].hasPrefix("200 ") && lines[1].contains("It breaks"))
        #expect(lines[2].hasPrefix("202 ") && lines[2].contains("\"proposal\":1"))
        for (line, code) in zip(lines[3...], ["MERGE_REFUSED", "GRAPHQL_REFUSED", "OTHER_REPOSITORY"]) {
            #expect(line.hasPrefix("403 ") && line.contains("\"code\":\"\(code)\""), "\(line)")
        }
        #expect(
            try scene.lines("proposals.jsonl", of: outcome) == [
                ["proposal": 1, "do": "open_pull", "title": "T", "body": ""]
            ])
        let ledger = try scene.lines("forge.jsonl", of: outcome)
        #expect(
            ledger.compactMap { $0["event"]?.stringValue } == [
                "forge.read", "forge.read", "forge.proposal", "forge.refused", "forge.refused", "forge.refused",
            ])
        #expect(!ledger.contains { $0.compactText.contains("whatever") })
        let totals = try #require(outcome.result?["forge"])
        #expect(totals == ["read": 2, "proposed": 1, "refused": 3, "lines_lost": 0, "lost": nil], "\(totals)")
        let audit = try scene.lines("audit.jsonl", of: outcome).filter { $0["event"] == "tcp.allow" }
        #expect(!audit.isEmpty && audit.allSatisfy { $0["rule"]?["origin"] == "--forge" })
    }

    @Test(
        "a client that lies about its request holds nobody up and gets an answer in the same form",
        .timeLimit(.minutes(25)))
    func hostile() throws {
        let scene = try Scene()
        let outcome = try scene.run(
            """
            post = b"POST /repos/octo/repo/pulls HTTP/1.1\\r\\nHost: forge.internal\\r\\n"
            get = b"GET /repos/octo/repo HTTP/1.1\\r\\nHost: forge.internal\\r\\n"
            raw(get + b"Host: api.github.com\\r\\n\\r\\n")
            raw(post + b"Content-Length: 104857600\\r\\n\\r\\n", *[b"x" * 1048576] * 8)
            raw(post + b"Transfer-Encoding: chunked\\r\\n\\r\\n", *[b"100000\\r\\n" + b"x" * 1048576 + b"\\r\\n"] * 8)
            raw(post + b"Content-Length: 2\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n{}")
            raw(b"GET /repos/octo/repo/%2e%2e/other HTTP/1.1\\r\\nHost: forge.internal\\r\\n\\r\\n")
            raw(post + b"X-HTTP-Method-Override: PUT\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
            raw(b"GET http://api.github.com/user HTTP/1.1\\r\\nHost: forge.internal\\r\\n\\r\\n")
            raw(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n")
            raw(post + b"Content-Length: 3\\r\\n\\r\\n{]}")
            raw(b"GET / HTTP/1.1\\r\\nHo")
            for _ in range(70): ask("POST", "/repos/octo/repo/pulls", {"title": "T", "head": "sallyport/t/x", "base": "main"})
            ask("GET", "/repos/octo/repo")
            """)
        let lines = outcome.lines
        try #require(outcome.code == 0 && lines.count == 81, "\(outcome.text)\(outcome.errorText)")
        let expected = [
            "400 MALFORMED", "413 TOO_LARGE", "413 TOO_LARGE", "400 MALFORMED", "404 UNKNOWN_ROUTE", "400 MALFORMED",
            "400 MALFORMED", "400 MALFORMED", "400 MALFORMED", "408 TOO_SLOW",
        ]
        for (line, words) in zip(lines, expected) {
            #expect(
                line.hasPrefix(words.prefix(4)) && line.contains("\"code\":\"\(words.dropFirst(4))\""),
                "\(words): \(line)")
            #expect(line.contains("documentation_url"), "\(line)")
        }
        #expect(
            lines[10..<74].allSatisfy { $0.hasPrefix("202 ") },
            "\(lines[10..<74].first { !$0.hasPrefix("202 ") } ?? "")")
        #expect(lines[74..<80].allSatisfy { $0.hasPrefix("403 ") && $0.contains("TOO_MANY") })
        #expect(lines[80].hasPrefix("200 "))
        #expect(try scene.lines("proposals.jsonl", of: outcome).count == 64)
        #expect(outcome.result?["forge"]?["lost"] == .null)
    }

    @Test("a view that is none keeps the session from starting, with the reason", .timeLimit(.minutes(25)))
    func unusable() throws {
        let scene = try Scene(["version": 1])
        let outcome = try scene.run("print('ran')")
        #expect(outcome.code == 125 && !outcome.text.contains("ran"))
        #expect(outcome.errorText.contains("cannot serve a forge"), "\(outcome.errorText)")
    }

    @Test("an ordinary user's session has it, too", .requires(.rootless), .timeLimit(.minutes(25)))
    func rootless() throws {
        let user = try OrdinaryUser()
        let profile = try user.file(
            "forge.yaml", "version: 1\nextends: [strict-rlimit]\nreason: a test of a forge\negress: {rules: []}\n")
        let limits = ["memory=256MiB", "tmp=32MiB", "shm=16MiB", "workspace_bytes=32MiB"].flatMap { ["--limit", $0] }
        let outcome = try user.run(
            profile: profile, options: limits + ["--forge", try user.file("view.json", Scene.view.compactText)],
            ["python3", "-B", "-c", Scene.client + "ask('GET', '/repos/octo/repo/issues/3')"])
        #expect(outcome.code == 0 && outcome.text.contains("It breaks"), "\(outcome.text)\(outcome.errorText)")
        #expect(outcome.result?["mode"] == "rootless" && outcome.result?["forge"]?["read"] == 1)
    }

    @Test("the broker has no capability, no file to open and no program to start", .timeLimit(.minutes(25)))
    func confined() throws {
        let scene = try Scene()
        let record = scene.sallyport.home.at("result.json")
        let running = try scene.sallyport.runCommand(
            profile: scene.profile, options: ["--forge", scene.file], record: record,
            ["/bin/sh", "-c", "echo ready; read line"]
        ).start()
        while let line = try running.line(), line != "ready" {}
        let broker = try #require(
            MemoryScan.below(running.pid).first { text("/proc/\($0)/comm") == "sallyport-broke\n" })
        let lines = try #require(text("/proc/\(broker)/status")).split(separator: "\n")
        func field(_ name: String) -> String {
            let line = lines.first { $0.hasPrefix(name + ":") }
            return line.map { $0.dropFirst(name.count + 1).split(separator: "\t").joined(separator: " ") } ?? ""
        }
        for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] { #expect(field(name) == "0000000000000000") }
        #expect(field("NoNewPrivs") == "1" && field("Seccomp") == "2" && field("Threads") == "1")
        let ids = Set(field("Uid").split(separator: " "))
        #expect(ids.count == 1 && ids.first != "0", "\(ids)")
        let others = MemoryScan.below(running.pid).filter { $0 != broker }.compactMap { other -> Substring? in
            text("/proc/\(other)/status")?.split(separator: "\n").first { $0.hasPrefix("Uid:") }
        }
        #expect(!others.isEmpty && !others.contains { line in ids.contains { line.contains($0) } }, "\(ids) \(others)")
        #expect(text("/proc/\(broker)/oom_score_adj") == "1000\n")
        // Sockets it was handed, and of files the ledger and the proposals.
        let open = names("/proc/\(broker)/fd").map { number -> String in
            var buffer = [CChar](repeating: 0, count: 256)
            let count = readlink("/proc/\(broker)/fd/\(number)", &buffer, 255)
            return String(decoding: buffer[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        let files = open.filter { $0.hasPrefix("/") && $0 != "/dev/null" }
        #expect(
            files.count == 2 && files.allSatisfy { $0.hasSuffix("/forge.jsonl") || $0.hasSuffix("/proposals.jsonl") },
            "\(open)")
        try running.send(Array("\n".utf8))
        running.closeInput()
        #expect(try running.finish().code == 0)
    }
}
