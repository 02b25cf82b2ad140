// SPDX-License-Identifier: Apache-2.0
import Policy
import Testing

@testable import Egress

@Suite("host names in bytes of a client")
struct HostNameRuleTests {
    private func flaw(_ bytes: [UInt8]) -> HostName.Flaw? {
        do throws(HostName.Flaw) {
            _ = try HostName(bytes: bytes.span)
            return nil
        } catch { return error }
    }

    @Test("what is text is held to the rule of policy, and has its spelling")
    func text() throws {
        let labels = [
            "", "a", "A", "-", "_", "0", "0X7f", "xn--", "a-", "*", " ", "\u{0}", ":",
            String(repeating: "a", count: 64),
        ]
        var names = 0
        for first in labels {
            for second in labels {
                for third in labels {
                    let text = "\(first).\(second)\(third)"
                    let name = try? HostName(bytes: Array(text.utf8).span)
                    #expect(name == HostName(text), "\(text.debugDescription)")
                    if name != nil { names += 1 }
                }
            }
        }
        #expect(names > 50)
    }

    @Test(
        "what is no ASCII is no name, whether or not it could be decoded",
        arguments: [
            [0x61, 0xff], [0x61, 0xc3, 0xa4], [0xe2, 0x84, 0xaa], [0xef, 0xbc, 0x8e], [0xc0, 0xae], [0x80],
        ])
    func notASCII(_ bytes: [UInt8]) { #expect(flaw(bytes) == .character("\u{FFFD}")) }

    @Test("what is too long is not looked at")
    func length() {
        let label = [UInt8](repeating: 0x61, count: 63)
        let name = Array([label, label, label, label].joined(separator: [0x2e]))
        #expect(flaw(name) == .tooLong)
        #expect(flaw([UInt8](repeating: 0xff, count: 254)) == .tooLong)
        #expect(flaw(Array(name.dropLast(2))) == nil)
        #expect(flaw([]) == .empty)
    }
}
