// SPDX-License-Identifier: Apache-2.0
import Delivery
import Testing

@Suite("envelope")
struct EnvelopeTests {
    let envelope = Envelope(
        payload: Array("{\"a\":\"ü\"}".utf8), keyID: String(repeating: "a", count: 64),
        signature: Array(repeating: 7, count: 64))

    @Test("what is signed is type and payload with their lengths, as DSSE says")
    func signedBytes() {
        let expected = "DSSEv1 28 application/vnd.in-toto+json 11 hello world"
        #expect(Envelope.signedBytes(Array("hello world".utf8)) == Array(expected.utf8))
        #expect(Envelope.signedBytes([]) == Array("DSSEv1 28 application/vnd.in-toto+json 0 ".utf8))
    }

    @Test("an envelope is read back, and from no other bytes")
    func roundTrip() throws {
        let bytes = envelope.bytes
        #expect(try Envelope(bytes) == envelope)
        for offset in bytes.indices {
            for bit in [UInt8(0x01), 0x20, 0x80] {
                var changed = bytes
                changed[offset] ^= bit
                // Either it is refused, or something else is in it.
                #expect(read(changed) != envelope, "byte \(offset), bit \(bit)")
            }
        }
    }

    private func read(_ bytes: [UInt8]) -> Envelope? {
        do throws(Flaw) { return try Envelope(bytes) } catch { return nil }
    }

    @Test(
        "another spelling, a second signature or a duplicate name is refused",
        arguments: [
            ("{\n", "{ \n"), ("  \"payload\"", "\"payload\""), ("\n}\n", "\n}"), ("}\n", "}\n\n"),
            ("application/vnd.in-toto+json", "application/json"), ("/vnd", "\\/vnd"),
            ("      \"keyid\"", "      \"keyid\": \"b\",\n      \"keyid\""),
            ("\n    }\n", "\n    },\n    {\n      \"keyid\": \"b\",\n      \"sig\": \"\"\n    }\n"), ("Bw==", "Bx=="),
            ("=\"", "\""),
        ])
    func spellings(_ change: (from: String, to: String)) throws {
        let text = String(decoding: envelope.bytes, as: UTF8.self)
        let range = try #require(text.firstRange(of: change.from))
        let changed = text.replacingCharacters(in: range, with: change.to)
        #expect(throws: Flaw.self) { try Envelope(Array(changed.utf8)) }
    }
}

extension String {
    fileprivate func firstRange(of other: String) -> Range<Index>? {
        indices.first { self[$0...].hasPrefix(other) }.map { $0..<index($0, offsetBy: other.count) }
    }

    fileprivate func replacingCharacters(in range: Range<Index>, with other: String) -> String {
        String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
    }
}
