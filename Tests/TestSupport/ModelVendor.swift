// SPDX-License-Identifier: Apache-2.0
package import Documents

/// A vendor of models for one test, and the operator's files for it: Tests/Fixtures/model-upstream/upstream.py.
package final class ModelVendor: Sendable {
    package let port: String
    /// Nowhere but in ``key``.
    package let secret: String
    package let key: String
    /// What `--model` takes.
    package let file: String
    /// Keys of AWS, in files beside it: what is secret of them.
    package let signing: [String]
    private let server: Running
    /// Where a vendor with a script tells what it was asked.
    private let told: String?

    /// - Parameters:
    ///   - more: Lines of the model file beside the APIs.
    ///   - upstream: A URL with PORT in it, where it is not plain loopback.
    ///   - script: What it answers, one line for each request, in the words of scripted.py; without it the prompt says.
    ///   - credential: Where the secret lies, with PLACE for the file that has it.
    ///   - isWide: With Gemini and Bedrock, which wants signatures.
    ///   - namespace: Where it runs, as `nsenter` takes it.
    package init(
        _ home: Scratch, _ more: [String] = [], budget: String = "1.00", upstream: String = "http://127.0.0.1:PORT",
        options: String = "", certificate: [String] = [], apis: [String] = ModelVendor.apis, script: [String]? = nil,
        credential: String = "file:PLACE", isWide: Bool = false, namespace: [String] = []
    ) throws {
        secret = try Self.canary()
        key = try home.file("model-key", secret + "\n", mode: 0o600)
        signing = isWide ? [try Self.canary(), try Self.canary()] : []
        var more = more
        var keys: [String] = []
        if isWide {
            let values: JSON = [
                "access_key": "AKIDEXAMPLE", "secret_key": .string(signing[0]), "session_token": .string(signing[1]),
                "region": "eu-central-1",
            ]
            keys = ["--keys", try home.file("aws.json", values.compactText, mode: 0o600)]
            for (name, value) in [("id", "AKIDEXAMPLE"), ("secret", signing[0]), ("token", signing[1])] {
                try home.file("aws-\(name)", value + "\n", mode: 0o600)
            }
        }
        var program = "upstream.py"
        var arguments = keys + certificate
        if let script {
            (program, arguments) = ("scripted.py", [try home.file("script", script.joined(separator: "\n"))])
        }
        told = script == nil ? nil : arguments[0] + ".told"
        let path = "\(Executables.sources)/Tests/Fixtures/model-upstream/\(program)"
        let words = namespace + ["/usr/bin/python3", "-B", path] + arguments
        var command = Command(words[0], Array(words.dropFirst()))
        command.deadline = .seconds(110)
        server = try command.start()
        guard let port = try server.line() else {
            throw HarnessError("the vendor did not start: \(try server.finish().errorText)")
        }
        self.port = port
        let prices = try home.file("prices.yaml", Self.prices)
        let place = "upstream: \"\(upstream.replacing("PORT", with: port))\"\(options)"
        let api = "{\(place), credential: \"\(credential.replacing("PLACE", with: key))\"}"
        var lines = apis.map { "\($0): \(api)" }
        if isWide {
            let names = [("access_key_id", "id"), ("secret_access_key", "secret"), ("session_token", "token")]
                .map { "\($0.0): \"file:\(home.at("aws-\($0.1)"))\"" }.joined(separator: ", ")
            lines += ["gemini: \(api)", "bedrock: {\(place), sigv4: {region: eu-central-1, \(names)}}"]
        }
        if !more.contains(where: { $0.hasPrefix("models:") }) {
            more.append("models: [mock-1, \"mock-*\", \"anthropic.mock-*\"]")
        }
        let document =
            ["version: 1", "apis:"] + lines.map { "  \($0)" }
            + ["budget_usd: \(budget)", "prices: \(prices)"] + more
        file = try home.file("model.yaml", document.joined(separator: "\n") + "\n")
    }

    /// A token costs a millionth of a dollar to read and ten to write.
    private static let prices = """
        version: 1
        date: "2026-11-22"
        source: a test
        models:
          - models: ["mock-*", "anthropic.mock-*"]
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
            if api in MORE: return dict(MORE[api][2](words), **more)
            said = dict({"model": "mock-1", "stream": stream}, **more)
            if api == "responses": return dict({"input": words, "max_output_tokens": 100, "store": False}, **said)
            return dict({"messages": [{"role": "user", "content": words}], "max_tokens": 100}, **said)
        PATHS = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
        # How these say that it is a stream is in their paths.
        MORE = {
            "gemini": ("/v1beta/models/mock-1:generateContent", "/v1beta/models/mock-1:streamGenerateContent?alt=sse",
                lambda words: {"contents": [{"role": "user", "parts": [{"text": words}]}],
                               "generationConfig": {"maxOutputTokens": 100}}),
            "invoke": ("/model/anthropic.mock-1%3A0/invoke", "/model/anthropic.mock-1%3A0/invoke-with-response-stream",
                lambda words: {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100,
                               "messages": [{"role": "user", "content": words}]}),
            "converse": ("/model/anthropic.mock-1%3A0/converse", "/model/anthropic.mock-1%3A0/converse-stream",
                lambda words: {"messages": [{"role": "user", "content": [{"text": words}]}],
                               "inferenceConfig": {"maxTokens": 100}}),
        }
        def begin(api, words, stream=False, fields={}, **more):
            c = http.client.HTTPConnection("llm.internal", timeout=60)
            own = {"content-type": "application/json"}
            if api == "messages": own.update({"x-api-key": "dummy", "anthropic-version": "2023-06-01"})
            else: own["authorization"] = "Bearer dummy"
            path = MORE[api][bool(stream)] if api in MORE else PATHS[api]
            c.request("POST", path, json.dumps(body(api, words, stream, **more)), dict(own, **fields))
            return c, c.getresponse()
        def ask(api, words, stream=False, **more):
            c, r = begin(api, words, stream, **more)
            try: text = r.read().decode("utf-8", "replace")
            except http.client.IncompleteRead as e: text = e.partial.decode("utf-8", "replace") + "<cut>"
            print(r.status, text.replace("\\n", "~"), flush=True)
            return r

        """

    /// Unlike any other bytes on this machine.
    private static func canary() throws -> String {
        let random = try Command("/usr/bin/head", ["-c", "24", "/dev/urandom"]).run().output
        return "canary" + random.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

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
