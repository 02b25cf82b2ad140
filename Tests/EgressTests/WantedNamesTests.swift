// SPDX-License-Identifier: Apache-2.0
import Policy
import Testing

@testable import Egress

@Suite("names that no rule names")
struct WantedNamesTests {
    @Test("a program that looks a name up asks twice, and that counts once")
    func times() throws {
        var names = WantedNames()
        let name = try #require(HostName("a.example.org"))
        #expect(names.note(name, type: 1) == 1 && names.note(name, type: 28) == nil)
        #expect(names.note(name, type: 28) == 2 && names.note(name, type: 1) == nil)
        // No connection begins with the host's mail or text.
        for type in [2, 12, 15, 16, 33, 255] as [UInt16] { #expect(names.note(name, type: type) == nil) }
    }

    @Test("what a session invents has an end, in names and in times")
    func bounds() throws {
        var names = WantedNames()
        let first = try #require(HostName("a.example.org"))
        var last: UInt16?
        for _ in 0..<1000 { last = names.note(first, type: 1) ?? last }
        #expect(last == WantedNames.mostTimes)
        var told = 1
        for number in 0..<1000 where names.note(try #require(HostName("n\(number).example.org")), type: 1) != nil {
            told += 1
        }
        #expect(told == WantedNames.mostNames)
    }
}
