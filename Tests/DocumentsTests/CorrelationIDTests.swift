// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Documents

@Suite("correlation ids")
struct CorrelationIDTests {
    static let good = [
        "0", "ticket-4711.retry_2", "0f8fad5b-d9cb-469f-a165-70867728950e", "0123456789abcdef0123456789abcdef",
        String(repeating: "a", count: 64),
    ]
    static let bad = [
        "", "-a", ".a", "_a", "A", "a b", "a/b", "a\n", "a\u{0}", "\u{e4}", "a\u{301}", "0F8FAD5B", "a:b",
        String(repeating: "a", count: 65),
    ]

    @Test("are plain tokens in lower case, UUIDs among them", arguments: good)
    func taken(_ text: String) { #expect(CorrelationID(text)?.description == text) }

    @Test("are nothing that could be written in two ways, or mean something elsewhere", arguments: bad)
    func refused(_ text: String) { #expect(CorrelationID(text) == nil) }

    /// 64 hexadecimal digits that depend on what goes in.
    private func digest(_ bytes: [UInt8]) -> String {
        let sum = bytes.reduce(UInt64(7)) { $0 &* 31 &+ UInt64($1) }
        let digits = String(sum, radix: 16)
        return String(repeating: String(repeating: "0", count: 16 - digits.count) + digits, count: 4)
    }

    @Test("of a task that was given none follow from its name")
    func made() throws {
        let first = CorrelationID(task: "t1", sha256: digest)
        #expect(first == CorrelationID(task: "t1", sha256: digest))
        #expect(first != CorrelationID(task: "t2", sha256: digest))
        #expect(CorrelationID(first.description) == first && first.trace(sha256: digest) == first.description)
    }

    @Test("are the ids of traces where they have their form, and else hashed to one")
    func traces() throws {
        let hexadecimal = String(repeating: "0123456789abcdef", count: 2)
        #expect(CorrelationID(hexadecimal)?.trace(sha256: digest) == hexadecimal)
        // OpenTelemetry refuses a trace id of zeros alone.
        for text in [String(repeating: "0", count: 32), "ticket-1", String(repeating: "g", count: 32)] {
            let trace = try #require(CorrelationID(text)?.trace(sha256: digest))
            #expect(trace == String(digest(Array(text.utf8)).prefix(32)), "\(text)")
        }
    }
}
