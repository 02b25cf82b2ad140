// SPDX-License-Identifier: Apache-2.0
import Foundation
import Policy
import Testing

@Suite("profile documentation")
struct DocumentationTests {
    @Test("docs/profiles.md names each key that a profile has")
    func keys() throws {
        let url = ProfileFixtures.repository.appendingPathComponent("docs/profiles.md")
        let page = try String(contentsOf: url, encoding: .utf8)
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }.joined(separator: "\n")
        let shown = try ProfileFixtures.strict().show().compactMap { line in
            line.key.split(separator: "[").first.map { String($0) }
        }
        #expect(shown.count > 25)
        for key in Set(shown + ["version", "extends", "landlock_reason"]) {
            #expect(rows.contains("`\(key)`"), "\(key)")
        }
    }
}
