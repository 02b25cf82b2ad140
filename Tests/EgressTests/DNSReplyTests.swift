// SPDX-License-Identifier: Apache-2.0
import Policy
import Testing

@testable import Egress

@Suite("DNS reply")
struct DNSReplyTests {
    private static let soa: [UInt8] =
        [0, 0, 6, 0, 1, 0, 0, 0, 5, 0, 22, 0, 0, 0, 0, 0, 1, 0, 0, 14, 16, 0, 0, 2, 88, 0, 1, 0x51, 0x80, 0, 0, 0, 5]
    private static let addresses = DNSAnswer.addresses(v4: .v4(0xC612_0100), v6: .v6(0xfd53_414c_4c59_0000, 0x100))

    private func question(_ message: DNSMessage) throws -> DNSQuestion { try DNSQuestion(parsing: message.bytes.span) }

    @Test("an address answer repeats the question and points back to its name")
    func address() throws {
        let message = DNSMessage("A.test")
        let reply = try question(message).reply(Self.addresses)
        let header: [UInt8] = [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]
        #expect(reply == header + message.question + [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 18, 1, 0])
    }

    @Test("the record's type follows the question, and OPT is answered with OPT")
    func address6() throws {
        let message = DNSMessage("a.test").with { $0.type = 28 }.withOPT()
        let reply = try question(message).reply(Self.addresses)
        let header: [UInt8] = [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 1]
        let record: [UInt8] = [0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16]
        let address: [UInt8] = [0xfd, 0x53, 0x41, 0x4c, 0x4c, 0x59, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]
        #expect(reply == header + message.question + record + address + [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0])
    }

    @Test(
        "other types, and a family that the session does not have, get no record",
        arguments: [2, 5, 15, 16, 28, 64, 65, 252, 255])
    func noData(_ type: UInt16) throws {
        let message = DNSMessage("a.test").with { $0.type = type }
        let reply = try question(message).reply(.addresses(v4: .v4(0xC612_0100), v6: nil))
        let header: [UInt8] = [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0, 0, 1, 0, 0]
        #expect(reply == header + message.question + Self.soa)
        #expect(try question(message).reply(.noData) == reply)
    }

    @Test("a denial is NXDOMAIN with the reason, and without OPT it has no place for one")
    func denied() throws {
        let plain = DNSMessage("a.test")
        let header: [UInt8] = [0x12, 0x34, 0x81, 0x83, 0, 1, 0, 0, 0, 1, 0]
        #expect(try question(plain).reply(.denied(explanation: "no rule")) == header + [0] + plain.question + Self.soa)
        let extended = plain.withOPT()
        let opt: [UInt8] = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 13, 0, 15, 0, 9, 0, 15] + Array("no rule".utf8)
        #expect(
            try question(extended).reply(.denied(explanation: "no rule")) == header + [1] + plain.question + Self.soa
                + opt)
    }

    @Test("what cannot be answered now is REFUSED with code 14")
    func unavailable() throws {
        let message = DNSMessage("a.test").withOPT()
        let reply = try question(message).reply(.unavailable(explanation: "é"))
        let opt: [UInt8] = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 8, 0, 15, 0, 4, 0, 14, 0xc3, 0xa9]
        #expect(reply == [0x12, 0x34, 0x81, 0x85, 0, 1, 0, 0, 0, 0, 0, 1] + message.question + opt)
    }

    @Test("RD is repeated as it was asked")
    func recursion() throws {
        #expect(try question(DNSMessage("a.test").with { $0.flags = 0 }).reply(.noData)[2] == 0x80)
    }

    @Test(
        "no answer is longer than the client's limit, and the explanation is cut between characters",
        arguments: [0, 512, 600, 1232])
    func limits(_ size: UInt16) throws {
        let name = DNSQuestionTests.longName(253)
        let question = try question(DNSMessage(name).withOPT(size: size))
        let text = String(repeating: "é", count: 2000)
        for answer in [DNSAnswer.denied(explanation: text), .unavailable(explanation: text), Self.addresses] {
            let reply = question.reply(answer, limit: question.datagramLimit)
            #expect(reply.count <= question.datagramLimit)
            #expect(reply[2] & 0x02 == 0, "never truncated")
        }
        let denied = question.reply(.denied(explanation: text), limit: question.datagramLimit)
        #expect(denied.suffix(2) == [0xc3, 0xa9])
    }
}
