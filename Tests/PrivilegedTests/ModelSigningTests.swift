// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

extension ModelBrokerSuites {
    /// The vendor's half is written by AWS's documentation: it makes the signature of what has arrived, and compares.
    @Suite("llm.internal and an upstream that wants signatures", .requires(.root), .requires(.python))
    struct ModelSigningTests {
        @Test("each request to it is signed as it arrives, streams included", .timeLimit(.minutes(25)))
        func signed() throws {
            let scene = try ModelScene(isWide: true)
            let outcome = try scene.run(
                """
                for api in ("invoke", "converse"):
                    for stream in (False, True): ask(api, "say hello", stream=stream)
                # A client's own signature, with dummy keys as its documentation says, means nothing here.
                dummy = ("AWS4-HMAC-SHA256 Credential=dummy/20200101/us-east-1/bedrock/aws4_request, "
                    "SignedHeaders=host, Signature=0")
                c, r = begin("converse", "say hello", fields={
                    "authorization": dummy, "x-amz-date": "20200101T000000Z", "x-amz-security-token": "dummy"})
                print(r.status)
                """)
            #expect(outcome.lines.count == 5, "\(outcome.text)\(outcome.errorText)")
            #expect(outcome.lines.allSatisfy { $0.hasPrefix("200") && !$0.contains("<cut>") }, "\(outcome.text)")
            let targets = try (0..<5).map { _ in
                let request = try scene.vendor.heard()
                #expect(try scene.vendor.heard() == ["signed": true])
                // Only the vendor's signature names keys, and the secret one is in nothing that is sent.
                #expect(request["fields"]?["authorization"]?.stringValue?.contains("=AKIDEXAMPLE/") == true)
                #expect(
                    !request.compactText.contains(scene.vendor.signing[0]) && !request.compactText.contains("dummy"))
                return try #require(request["target"]?.stringValue)
            }
            let model = "/model/anthropic.mock-1%3A0"
            #expect(
                targets == [
                    "\(model)/invoke", "\(model)/invoke-with-response-stream", "\(model)/converse",
                    "\(model)/converse-stream", "\(model)/converse",
                ])
            let ledger = try scene.ledger(of: outcome)
            #expect(ledger.allSatisfy { $0["event"] == "model.answered" && $0["settled_microusd"] == 300 }, "\(ledger)")
            #expect(outcome.result?["model"]?["spent_microusd"] == 1500)
        }

        @Test("a signature by another key is the operator's to mend, and costs nothing", .timeLimit(.minutes(25)))
        func wrong() throws {
            let scene = try ModelScene(isWide: true)
            try scene.sallyport.home.file("aws-secret", "another\n", mode: 0o600)
            let outcome = try scene.run("ask('converse', 'say hello')")
            #expect(outcome.lines.first?.hasPrefix("502 ") == true, "\(outcome.text)\(outcome.errorText)")
            _ = try scene.vendor.heard()
            #expect(try scene.vendor.heard() == ["signed": "signature"])
            let line = try #require(try scene.ledger(of: outcome).first)
            #expect(line["code"] == "upstream-credential" && line["settled_microusd"] == 0, "\(line)")
        }

        @Test("a key's id that is none is refused before anything starts", .timeLimit(.minutes(25)))
        func id() throws {
            let scene = try ModelScene(isWide: true)
            try scene.sallyport.home.file("aws-id", "A, B=c\n", mode: 0o600)
            let outcome = try scene.run("print('ran')")
            #expect(outcome.code == 125 && outcome.text == "", "\(outcome.text)")
            #expect(outcome.errorText.contains("access_key_id"), "\(outcome.errorText)")
        }
    }
}
