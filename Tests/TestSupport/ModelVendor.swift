// SPDX-License-Identifier: Apache-2.0
package import Documents

/// A vendor of models for one test, and the operator's files for it: Tests/Fixtures/model-upstream/upstream.py.
package final class ModelVendor: Sendable {
    package let port: String
    /// Unlike any other bytes on this machine, and nowhere but in ``key``.
    package let secret: String
    package let key: String
    /// What `--model` takes.
    package let file: String
    private let server: Running
    /// Where a vendor with a script tells what it was asked.
    private let told: String?

    /// - Parameters:
    ///   - more: Lines of the model file beside the APIs.
    ///   - upstream: A URL with PORT in it, where it is not plain loopback.
    ///   - script: What it answers, one line for each request, in the words of scripted.py; without it the prompt says.
    package init(
        _ home: Scratch, _ more: [String] = [], budget: String = "1.00", upstream: String = "http://127.0.0.1:PORT",
        options: String = "", certificate: [String] = [], apis: [String] = ModelVendor.apis, script: [String]? = nil
    ) throws {
        let random = try Command("/usr/bin/head", ["-c", "24", "/dev/urandom"]).run().output
        secret = "canary" + random.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        key = try home.file("model-key", secret + "\n", mode: 0o600)
        var words = ["upstream.py"] + certificate
        if let script { words = ["scripted.py", try home.file("script", script.joined(separator: "\n"))] }
        told = script == nil ? nil : words[1] + ".told"
        words[0] = "\(Executables.sources)/Tests/Fixtures/model-upstream/\(words[0])"
        var command = Command("/usr/bin/python3", ["-B"] + words)
        command.deadline = .seconds(110)
        server = try command.start()
        guard let port = try server.line() else {
            throw HarnessError("the vendor did not start: \(try server.finish().errorText)")
        }
        self.port = port
        let prices = try home.file("prices.yaml", Self.prices)
        let api =
            "{upstream: \"\(upstream.replacing("PORT", with: port))\", credential: \"file:\(key)\"\(options)}"
        let lines =
            ["version: 1", "apis:"] + apis.map { "  \($0): \(api)" }
            + ["models: [mock-1, \"mock-*\"]", "budget_usd: \(budget)", "prices: \(prices)"] + more
        file = try home.file("model.yaml", lines.joined(separator: "\n") + "\n")
    }

    /// A token costs a millionth of a dollar to read and ten to write.
    private static let prices = """
        version: 1
        date: "2026-11-22"
        source: a test
        models:
          - models: ["mock-*"]
            input: 1.00
            output: 10.00
            cache_read: 0.10
            cache_write: 1.25
            cache_write_long: 2.00

        """

    package static let apis = ["anthropic-messages", "openai-chat", "openai-responses"]

    /// What a script in Python finds: `ask` says something to one of the APIs, and prints status and body on one line.
    package static let client = """
        import http.client, json, sys
        def body(api, words, stream=False, **more):
            said = dict({"model": "mock-1", "stream": stream}, **more)
            if api == "responses": return dict({"input": words, "max_output_tokens": 100, "store": False}, **said)
            return dict({"messages": [{"role": "user", "content": words}], "max_tokens": 100}, **said)
        PATHS = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
        def begin(api, words, stream=False, fields={}, **more):
            c = http.client.HTTPConnection("llm.internal", timeout=60)
            own = {"content-type": "application/json"}
            if api == "messages": own.update({"x-api-key": "dummy", "anthropic-version": "2023-06-01"})
            else: own["authorization"] = "Bearer dummy"
            c.request("POST", PATHS[api], json.dumps(body(api, words, stream, **more)), dict(own, **fields))
            return c, c.getresponse()
        def ask(api, words, stream=False, **more):
            c, r = begin(api, words, stream, **more)
            try: text = r.read().decode()
            except http.client.IncompleteRead as e: text = e.partial.decode() + "<cut>"
            print(r.status, text.replace("\\n", "~"), flush=True)
            return r

        """

    /// The next line that the vendor tells.
    package func heard() throws -> JSON {
        guard let line = try server.line() else { throw HarnessError("the vendor has ended") }
        return try JSON.read(Array(line.utf8), file: "the vendor")
    }

    /// Lets a request go on that waits for it.
    package func goOn() throws { try server.send(Array("go\n".utf8)) }

    /// Ends it, and returns what it told that nobody has read.
    package func stop() throws -> [String] {
        server.closeInput()
        let lines = try server.finish().lines.dropFirst()
        guard let told else { return Array(lines) }
        return (text(told) ?? "").split(separator: "\n").map(String.init)
    }
}

extension String {
    fileprivate func replacing(_ word: String, with other: String) -> String {
        split(separator: word, omittingEmptySubsequences: false).joined(separator: other)
    }
}
