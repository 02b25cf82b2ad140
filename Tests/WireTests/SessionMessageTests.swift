// SPDX-License-Identifier: Apache-2.0
import Testing
import Wire

@Suite("session messages")
struct SessionMessageTests {
    static let replies: [(SessionReply, [UInt8])] = [
        (.applied(generation: 0x0102_0304, cut: 5), [1, 0xA1, 0, 0, 1, 2, 3, 4, 0, 0, 0, 5]),
        (
            .refused(SessionReply.Refusal(.port, "no")),
            [1, 0xA2, 0, 0, 3, 0, 2, UInt8(ascii: "n"), UInt8(ascii: "o")]
        ), (.frozen, [1, 0xA3, 0, 0]), (.thawed, [1, 0xA4, 0, 0]),
    ]

    @Test("a request has one form and one descriptor")
    func request() throws {
        let bytes: [UInt8] = [1, 0x21, 0, 0]
        #expect(SessionRequest.policy.encoded() == bytes)
        #expect(bytes.count == SessionRequest.size)
        #expect(try SessionRequest(decoding: bytes, descriptors: 1) == .policy)
        for count in [0, 2] {
            #expect(throws: MessageError.descriptors(announced: 1, received: count)) {
                try SessionRequest(decoding: bytes, descriptors: count)
            }
        }
        for (request, kind) in [(SessionRequest.freeze, 0x22), (.thaw, 0x23)] as [(SessionRequest, UInt8)] {
            #expect(request.encoded() == [1, kind, 0, 0])
            #expect(try SessionRequest(decoding: [1, kind, 0, 0], descriptors: 0) == request)
            #expect(throws: MessageError.descriptors(announced: 0, received: 1)) {
                try SessionRequest(decoding: [1, kind, 0, 0], descriptors: 1)
            }
        }
        let cases: [([UInt8], MessageError)] = [
            ([], .size(0)), ([1, 0x21, 0], .size(3)), ([1, 0x21, 0, 0, 0], .size(5)), ([2, 0x21, 0, 0], .version(2)),
            ([1, 0x24, 0, 0], .kind(0x24)), ([1, 0x21, 1, 0], .reserved), ([1, 0x21, 0, 1], .reserved),
        ]
        for (bytes, error) in cases {
            #expect(throws: error) { try SessionRequest(decoding: bytes, descriptors: 1) }
        }
    }

    @Test("a reply has one form and is refused at any other size")
    func reply() throws {
        for (reply, bytes) in Self.replies {
            #expect(reply.encoded() == bytes)
            #expect(try SessionReply(decoding: bytes) == reply)
            for count in 0..<bytes.count {
                #expect(throws: MessageError.self) { try SessionReply(decoding: Array(bytes[..<count])) }
            }
            #expect(throws: MessageError.size(bytes.count + 1)) { try SessionReply(decoding: bytes + [0]) }
        }
        var unknown = Self.replies[1].1
        unknown[4] = 99
        #expect(throws: MessageError.value) { try SessionReply(decoding: unknown) }
        var noText = Self.replies[1].1
        noText[7] = 0xFF
        #expect(throws: MessageError.value) { try SessionReply(decoding: noText) }
    }

    @Test("a text that is too long is cut between two characters")
    func longText() throws {
        let refusal = SessionReply.Refusal(.system, String(repeating: "ü", count: 2000))
        #expect(refusal.text == String(repeating: "ü", count: 512))
        #expect(try SessionReply(decoding: SessionReply.refused(refusal).encoded()) == .refused(refusal))
    }
}
