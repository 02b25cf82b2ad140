// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Wire

@Suite("words of a session's supervisor")
struct SessionWordTests {
    static let questions: [(SessionWord, [UInt8])] = [
        (
            .wanted(name: "a.org", port: 443, times: 2),
            [1, 0xC1, 0, 0, 0, 5] + Array("a.org".utf8) + [1, 0xBB, 0, 2]
        ),
        (.opened(generation: 3), [1, 0xC2, 0, 0, 0, 0, 0, 3]),
        (.kept("no"), [1, 0xC3, 0, 0, 0, 2, UInt8(ascii: "n"), UInt8(ascii: "o")]),
        (
            .spent(percent: 80, amount: 0x0102, budget: 0x0203),
            [1, 0xC4, 0, 0, 80] + [0, 0, 0, 0, 0, 0, 1, 2] + [0, 0, 0, 0, 0, 0, 2, 3]
        ),
    ]

    @Test("each has one form, and is none when it is cut, lengthened or of another version", arguments: questions)
    func forms(_ question: SessionWord, _ bytes: [UInt8]) throws {
        #expect(question.encoded() == bytes && bytes.count <= SessionWord.longest)
        #expect(try SessionWord(decoding: bytes) == question)
        for count in 0..<bytes.count {
            #expect(throws: MessageError.self) { try SessionWord(decoding: Array(bytes[..<count])) }
        }
        #expect(throws: MessageError.self) { try SessionWord(decoding: bytes + [0]) }
        #expect(throws: MessageError.version(2)) { try SessionWord(decoding: [2] + bytes.dropFirst()) }
    }

    @Test("a name has nothing in it that a terminal or a reader would act on")
    func names() {
        for name in [
            "", "A.org", "a org", "a\u{1B}[2J", "a/b", "a:b", "\u{430}.org", String(repeating: "a", count: 254),
        ] {
            let bytes = SessionWord.wanted(name: name, port: 443, times: 1).encoded()
            #expect(throws: MessageError.value) { try SessionWord(decoding: bytes) }
        }
        let long = SessionWord.kept(String(repeating: "ü", count: 2000)).encoded()
        #expect(throws: Never.self) { try SessionWord(decoding: long) }
    }

    @Test("a budget has two marks")
    func marks() {
        for percent in [0, 79, 81, 255] as [UInt8] {
            let bytes = SessionWord.spent(percent: percent, amount: 1, budget: 2).encoded()
            #expect(throws: MessageError.value) { try SessionWord(decoding: bytes) }
        }
    }

    @Test("an answer is one of two, of one size")
    func answers() throws {
        for (answer, kind) in [(HostAnswer.open, 0x41), (.leave, 0x42)] as [(HostAnswer, UInt8)] {
            #expect(answer.encoded() == [1, kind, 0, 0] && answer.encoded().count == HostAnswer.size)
            #expect(try HostAnswer(decoding: answer.encoded()) == answer)
        }
        for bytes in [[], [1, 0x41, 0], [1, 0x41, 0, 0, 0], [1, 0x43, 0, 0], [1, 0x41, 1, 0]] as [[UInt8]] {
            #expect(throws: MessageError.self) { try HostAnswer(decoding: bytes) }
        }
    }
}
