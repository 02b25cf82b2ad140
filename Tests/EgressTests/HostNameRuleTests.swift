// SPDX-License-Identifier: Apache-2.0
import Policy
import Testing

@testable import Egress

/// The rule of the parsers and the rule of policy, held against each other over names that programs disagree on.
@Suite("one rule for host names")
struct HostNameRuleTests {
    /// Every name of up to four pieces of which each is odd in some way.
    static let pieces = [
        "", "a", "A", "-", "_", ".", "0", "9", "0x", "0X7f", "0xg", "127", "xn--", "a-", "-a", "*", " ", "\u{0}",
        "\u{7f}",
        "\u{fc}", "\u{ff0e}", "\u{212a}", "\\", ":", "/", "%2e", String(repeating: "a", count: 63),
        String(repeating: "a", count: 64), String(repeating: "a.", count: 120),
    ]

    private static func isEdgeHyphen(_ text: String) -> Bool {
        text.split(separator: ".", omittingEmptySubsequences: false).contains { $0.hasPrefix("-") || $0.hasSuffix("-") }
    }

    @Test("both take the same names in the same spelling, but for a hyphen at an end, which policy alone refuses")
    func same() {
        var taken = 0
        var hyphens = 0
        for first in Self.pieces {
            for second in Self.pieces {
                for third in Self.pieces {
                    for fourth in Self.pieces {
                        let text = first + second + third + fourth
                        let bytes = Array(text.utf8)
                        let parsers = HostName.canonical(bytes.span)
                        let policy = HostName(text)?.text
                        if parsers != policy {
                            #expect(policy == nil && Self.isEdgeHyphen(text), "\(text.debugDescription)")
                            hyphens += 1
                        } else if policy != nil {
                            taken += 1
                        }
                    }
                }
            }
        }
        #expect(taken > 1000 && hyphens > 1000)
    }
}
