// SPDX-License-Identifier: Apache-2.0
import Testing
import Wire

@Suite("messages of the listening supervisor")
struct ListenerMessageTests {
    static let requests: [(request: ListenerRequest, kind: UInt8, descriptors: Int)] = [
        (.run, 0x71, 4), (.list, 0x72, 0), (.stop, 0x73, 1), (.settle, 0x74, 0),
    ]

    @Test("a request has one form and its own number of descriptors")
    func request() throws {
        for (request, kind, descriptors) in Self.requests {
            #expect(request.encoded() == [1, kind, 0, 0])
            #expect(try ListenerRequest(decoding: request.encoded()) == request)
            try request.check(descriptors: descriptors)
            let (announced, wrong) = request == .run ? (1, 0) : (descriptors, descriptors + 1)
            #expect(throws: MessageError.descriptors(announced: announced, received: wrong)) {
                try request.check(descriptors: wrong)
            }
        }
    }

    @Test("anything else is refused before it is understood")
    func malformed() {
        let cases: [([UInt8], MessageError)] = [
            ([], .size(0)), ([1, 0x71, 0], .size(3)), ([1, 0x71, 0, 0, 0], .size(5)), ([2, 0x71, 0, 0], .version(2)),
            ([1, 0x70, 0, 0], .kind(0x70)), ([1, 0x75, 0, 0], .kind(0x75)), ([1, 0x71, 1, 0], .reserved),
        ]
        for (bytes, error) in cases {
            #expect(throws: error) { try ListenerRequest(decoding: bytes) }
        }
    }

    @Test("no request is a broker's command, and no reply is its report")
    func kinds() {
        let commands = [GitServing.commands, ModelServing.commands, ForgeServing.commands]
        let reports = [GitServing.reports, ModelServing.reports, ForgeServing.reports]
        for (request, kind, _) in Self.requests {
            #expect(!commands.contains { ($0...($0 + 1)).contains(kind) }, "\(request)")
        }
        for reply in Self.replies {
            #expect(!reports.contains { ($0...($0 + 0xF)).contains(reply.encoded()[1]) }, "\(reply)")
        }
    }

    static let replies: [ListenerReply] = [
        .started(session: "s-a"), .ended(status: 137), .ended(status: -1), .document, .done, .refused("no"),
    ]

    @Test("a reply reads back as what was said, and at no other size")
    func reply() throws {
        for reply in Self.replies {
            let bytes = reply.encoded()
            #expect(try ListenerReply(decoding: bytes) == reply)
            for count in 0..<bytes.count {
                #expect(throws: MessageError.self) { try ListenerReply(decoding: Array(bytes[..<count])) }
            }
            #expect(throws: MessageError.size(bytes.count + 1)) { try ListenerReply(decoding: bytes + [0]) }
        }
        #expect(throws: MessageError.size(5000)) { try ListenerReply(decoding: Array(repeating: 1, count: 5000)) }
    }

    @Test("a long refusal is cut between two characters and still fits")
    func long() throws {
        let bytes = ListenerReply.refused(String(repeating: "ü", count: 9000)).encoded()
        #expect(bytes.count <= ListenerReply.longest)
        #expect(try ListenerReply(decoding: bytes) == .refused(String(repeating: "ü", count: 1536)))
    }
}
