// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

extension ModelBrokerSuites {
    /// Requests that go nowhere.
    @Suite("requests that llm.internal refuses", .requires(.root), .requires(.python))
    struct ModelFrontTests {
        /// Bytes as Python writes them, and how the answer begins.
        struct Case: CustomTestStringConvertible, Sendable {
            let name: String
            let bytes: String
            let status: Int
            let code: String
            var testDescription: String { name }
        }

        private static let json = "Content-Type: application/json\\r\\n"
        private static let post = "POST /v1/messages HTTP/1.1\\r\\nHost: llm.internal\\r\\n" + json

        private static let cases = [
            Case(
                name: "second host", bytes: post + "Host: other\\r\\nContent-Length: 2\\r\\n\\r\\n{}", status: 400,
                code: "malformed"),
            Case(
                name: "two framings", bytes: post + "Content-Length: 2\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n{}",
                status: 400, code: "malformed"),
            Case(
                name: "websocket",
                bytes: "GET /v1/responses HTTP/1.1\\r\\nHost: llm.internal\\r\\nConnection: Upgrade\\r\\n"
                    + "Upgrade: websocket\\r\\n\\r\\n", status: 400, code: "malformed"),
            Case(name: "http/2", bytes: "PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n", status: 400, code: "malformed"),
            Case(
                name: "another host", bytes: "GET /v1/models HTTP/1.1\\r\\nHost: git.internal\\r\\n\\r\\n", status: 404,
                code: "route"),
            Case(
                name: "another route",
                bytes: "POST /v1/files HTTP/1.1\\r\\nHost: llm.internal\\r\\nContent-Length: 2\\r\\n\\r\\n{}",
                status: 404,
                code: "route"),
            Case(
                name: "oversized body", bytes: post + "Content-Length: 99999999\\r\\n\\r\\n{}", status: 413,
                code: "too-large"),
            Case(name: "no JSON", bytes: post + "Content-Length: 2\\r\\n\\r\\n{]", status: 400, code: "malformed"),
            Case(
                name: "other model",
                bytes: post + "Content-Length: 65\\r\\n\\r\\n"
                    + #"{"model":"costly-9","max_tokens":5,"messages":[]                }"#, status: 403, code: "model"),
            Case(
                name: "strange compression", bytes: post + "Content-Encoding: br\\r\\nContent-Length: 2\\r\\n\\r\\n{}",
                status: 400, code: "content-type"),
        ]

        @Test("one after the other, and none reaches the vendor", .timeLimit(.minutes(25)))
        func refused() throws {
            let scene = try ModelScene()
            let list = Self.cases.map { "b'''\($0.bytes)'''" }.joined(separator: ",\n    ")
            let outcome = try scene.run(
                """
                import socket
                for data in [
                    \(list),
                ]:
                    s = socket.create_connection(("llm.internal", 80), timeout=30)
                    s.sendall(data)
                    got = b""
                    while piece := s.recv(65536): got += piece
                    head, _, rest = got.partition(b"\\r\\n\\r\\n")
                    print(head.split()[1].decode(), rest.decode(), flush=True)
                ask("messages", "say hello")
                """)
            #expect(outcome.code == 0, "\(outcome.errorText)")
            #expect(outcome.lines.count == Self.cases.count + 1, "\(outcome.text)")
            for (line, c) in zip(outcome.lines, Self.cases) {
                #expect(line.hasPrefix("\(c.status) {"), "\(c.name): \(line)")
                #expect(line.contains("sallyport"), "\(c.name): \(line)")
            }
            // The control: the last one is answered.
            #expect(outcome.lines.last?.hasPrefix("200 ") == true, "\(outcome.text)")
            let codes = try scene.ledger(of: outcome).filter { $0["event"] == "model.refused" }
            #expect(codes.compactMap { $0["code"]?.stringValue } == Self.cases.map(\.code), "\(codes)")
            #expect(outcome.result?["model"]?["refused"]?.intValue == Self.cases.count)
            #expect(try scene.vendor.stop().count == 1)
        }
    }
}
