// SPDX-License-Identifier: Apache-2.0
import Policy
import Testing

@testable import Egress

@Suite("DNS question")
struct DNSQuestionTests {
    private func parse(_ message: DNSMessage) throws(DNSRefusal) -> DNSQuestion { try parse(message.bytes) }

    private func parse(_ bytes: [UInt8]) throws(DNSRefusal) -> DNSQuestion { try DNSQuestion(parsing: bytes.span) }

    @Test("reads what a stub resolver sends and keeps the client's own spelling")
    func accepted() throws {
        let message = DNSMessage("wWw.Example.TEST").with { $0.type = 28 }
        let question = try parse(message)
        #expect(question.id == 0x1234)
        #expect(question.recursionDesired)
        #expect(question.name == "www.example.test")
        #expect(question.type == DNSQuestion.typeAAAA)
        #expect(question.question == message.question)
        #expect(question.extensions == nil)
        #expect(question.datagramLimit == 512)
    }

    struct Good: CustomTestStringConvertible {
        let testDescription: String
        let message: DNSMessage
    }

    static let good: [Good] = [
        Good(testDescription: "no recursion wanted", message: DNSMessage("a.test").with { $0.flags = 0 }),
        Good(testDescription: "AD and CD set, as dig does", message: DNSMessage("a.test").with { $0.flags = 0x0130 }),
        Good(testDescription: "underscore", message: DNSMessage("_dmarc.a_b.test")),
        Good(testDescription: "hyphens at the ends of a label", message: DNSMessage("-a-.test")),
        Good(testDescription: "one label", message: DNSMessage("localhost")),
        Good(testDescription: "label of 63", message: DNSMessage(String(repeating: "a", count: 63) + ".test")),
        Good(testDescription: "name of 253", message: DNSMessage(longName(253))),
        Good(testDescription: "any type", message: DNSMessage("a.test").with { $0.type = 0xffff }),
        Good(testDescription: "OPT", message: DNSMessage("a.test").withOPT()),
        Good(
            testDescription: "OPT with a cookie", message: DNSMessage("a.test").withOPT(options: [0, 10, 0, 2, 7, 7])),
        Good(
            testDescription: "OPT with two options",
            message: DNSMessage("a.test").withOPT(options: [0, 10, 0, 0, 0, 12, 0, 1, 0])),
    ]

    static func longName(_ count: Int) -> String {
        var name = String(repeating: "a", count: 63) + "." + String(repeating: "b", count: 63) + "."
        name += String(repeating: "c", count: 63) + "."
        return name + String(repeating: "d", count: count - name.utf8.count)
    }

    @Test("accepts", arguments: good)
    func accepts(_ sample: Good) throws {
        let question = try parse(sample.message)
        #expect(question.question == sample.message.question)
    }

    @Test(
        "keeps the size that OPT gives within bounds",
        arguments: [(0, 512), (511, 512), (512, 512), (1000, 1000), (1232, 1232), (4096, 1232), (65535, 1232)])
    func sizes(_ sent: Int, _ limit: Int) throws {
        let question = try parse(DNSMessage("a.test").withOPT(size: UInt16(sent)))
        #expect(question.datagramLimit == limit)
    }

    @Test(
        "a name is compared with rules where it is one of a host",
        arguments: [
            ("a.test", "a.test"), ("WWW.Example.TEST", "www.example.test"), ("_x.1.test", "_x.1.test"),
            ("-a-.test", nil), ("1.2.3.4", nil), ("0X7F.1", nil), ("a.0x", nil), ("2130706433", nil),
        ])
    func host(_ sent: String, _ host: String?) throws {
        let question = try parse(DNSMessage(sent))
        #expect(question.name == sent.lowercased())
        #expect(question.host?.text == host)
    }

    struct Bad: CustomTestStringConvertible {
        let testDescription: String
        let message: DNSMessage
        let reason: DNSRefusal.Reason
        /// Response code; nil for silence.
        let code: UInt8?
        var echoes = false
    }

    static let bad: [Bad] = [
        Bad(
            testDescription: "response bit", message: DNSMessage("a.test").with { $0.flags = 0x8180 },
            reason: .response, code: nil),
        Bad(
            testDescription: "UPDATE", message: DNSMessage("a.test").with { $0.flags = 0x2800 }, reason: .opcode,
            code: 4),
        Bad(
            testDescription: "IQUERY", message: DNSMessage("a.test").with { $0.flags = 0x0800 }, reason: .opcode,
            code: 4),
        Bad(
            testDescription: "truncated", message: DNSMessage("a.test").with { $0.flags = 0x0300 }, reason: .truncated,
            code: 1),
        Bad(
            testDescription: "no question", message: DNSMessage("a.test").with { $0.counts[0] = 0 }, reason: .counts,
            code: 1),
        Bad(
            testDescription: "two questions",
            message: DNSMessage("a.test").with {
                $0.counts[0] = 2
                $0.rest = $0.question
            }, reason: .counts, code: 1),
        Bad(
            testDescription: "65535 questions", message: DNSMessage("a.test").with { $0.counts[0] = 65535 },
            reason: .counts, code: 1),
        Bad(
            testDescription: "an answer", message: DNSMessage("a.test").with { $0.counts[1] = 1 }, reason: .counts,
            code: 1),
        Bad(
            testDescription: "an authority record", message: DNSMessage("a.test").with { $0.counts[2] = 1 },
            reason: .counts, code: 1),
        Bad(
            testDescription: "pointer to itself", message: DNSMessage("").with { $0.nameEnd = [0xc0, 12] },
            reason: .compression, code: 1),
        Bad(
            testDescription: "pointer after a label", message: DNSMessage("a").with { $0.nameEnd = [0xc0, 0] },
            reason: .compression, code: 1),
        Bad(
            testDescription: "extended label type", message: DNSMessage("a").with { $0.nameEnd = [0x41, 0] },
            reason: .compression, code: 1),
        Bad(
            testDescription: "label of 64",
            message: DNSMessage("a").with { $0.nameEnd = [0x40] + [UInt8](repeating: 97, count: 64) + [0] },
            reason: .compression, code: 1),
        Bad(
            testDescription: "label past the end", message: DNSMessage("").with { $0.nameEnd = [63, 97] },
            reason: .name, code: 1),
        Bad(testDescription: "name of 254", message: DNSMessage(longName(254)), reason: .name, code: 1),
        Bad(
            testDescription: "dot in a label",
            message: DNSMessage("").with { $0.labels = [Array("a.test".utf8), Array("x".utf8)] }, reason: .characters,
            code: 3, echoes: true),
        Bad(
            testDescription: "NUL in a label",
            message: DNSMessage("").with { $0.labels = [[97, 0, 98], Array("test".utf8)] }, reason: .characters,
            code: 3, echoes: true),
        Bad(testDescription: "space", message: DNSMessage("a b.test"), reason: .characters, code: 3, echoes: true),
        Bad(
            testDescription: "raw UTF-8, as musl sends it", message: DNSMessage("bücher.test"), reason: .characters,
            code: 3, echoes: true),
        Bad(
            testDescription: "backslash", message: DNSMessage("a\\046b.test"), reason: .characters, code: 3,
            echoes: true),
        Bad(testDescription: "asterisk", message: DNSMessage("*.a.test"), reason: .characters, code: 3, echoes: true),
        Bad(testDescription: "the root", message: DNSMessage(""), reason: .root, code: 5, echoes: true),
        Bad(
            testDescription: "class CHAOS", message: DNSMessage("version.bind").with { $0.recordClass = 3 },
            reason: .recordClass, code: 5, echoes: true),
        Bad(
            testDescription: "class ANY", message: DNSMessage("a.test").with { $0.recordClass = 255 },
            reason: .recordClass, code: 5, echoes: true),
        Bad(
            testDescription: "two OPT records", message: DNSMessage("a.test").withOPT().withOPT(), reason: .additional,
            code: 1),
        Bad(
            testDescription: "additional announced, none there",
            message: DNSMessage("a.test").with { $0.counts[3] = 1 }, reason: .additional, code: 1),
        Bad(
            testDescription: "additional record that is no OPT",
            message: DNSMessage("a.test").with {
                $0.counts[3] = 1
                $0.rest = [0, 0, 250, 0, 1, 0, 0, 0, 0, 0, 0]
            }, reason: .additional, code: 1),
        Bad(
            testDescription: "OPT with a name",
            message: DNSMessage("a.test").with {
                $0.counts[3] = 1
                $0.rest = [1, 97, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]
            }, reason: .additional, code: 1),
        Bad(
            testDescription: "OPT longer than the message",
            message: DNSMessage("a.test").withOPT(options: [0, 10, 0, 2, 7]), reason: .additional, code: 1),
        Bad(
            testDescription: "half an option", message: DNSMessage("a.test").withOPT(options: [0, 10, 0]),
            reason: .additional, code: 1),
        Bad(
            testDescription: "EDNS version 1", message: DNSMessage("a.test").withOPT(version: 1), reason: .ednsVersion,
            code: 0),
        Bad(
            testDescription: "a byte after the question", message: DNSMessage("a.test").with { $0.rest = [0] },
            reason: .trailing, code: 1),
        Bad(
            testDescription: "a byte after OPT", message: DNSMessage("a.test").withOPT().with { $0.rest.append(0) },
            reason: .trailing, code: 1),
    ]

    @Test("refuses", arguments: bad)
    func refuses(_ sample: Bad) throws {
        let refusal = try #require(throws: DNSRefusal.self) { try parse(sample.message) }
        #expect(refusal.reason == sample.reason)
        guard let code = sample.code else {
            #expect(refusal.reply == nil)
            return
        }
        let reply = try #require(refusal.reply)
        #expect(Array(reply[..<2]) == [0x12, 0x34])
        #expect(reply[2] & 0x80 != 0)
        #expect(reply[3] & 0x0f == code)
        #expect(reply[3] & 0x80 != 0, "RA")
        let question = sample.echoes ? sample.message.question : []
        #expect(Array(reply[4..<6]) == [0, sample.echoes ? 1 : 0])
        #expect(Array(reply[12...].prefix(question.count)) == question)
    }

    @Test("every shorter piece of a good message is refused, and without a header there is no answer")
    func cut() throws {
        let whole = DNSMessage("a.test").withOPT(options: [0, 10, 0, 2, 7, 7]).bytes
        for count in whole.indices {
            let refusal = try #require(throws: DNSRefusal.self) { try parse(Array(whole[..<count])) }
            #expect((refusal.reply == nil) == (count < 12), "\(count)")
            #expect((refusal.reason == .tooShort) == (count < 12), "\(count)")
        }
    }

    @Test("an unknown EDNS version is answered with BADVERS, its upper bits in OPT")
    func badVersion() throws {
        let refusal = try #require(throws: DNSRefusal.self) { try parse(DNSMessage("a.test").withOPT(version: 3)) }
        #expect(refusal.reply == [0x12, 0x34, 0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 41, 4, 208, 1, 0, 0, 0, 0, 0])
    }
}
