// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Brokers

@Suite("where two requests part")
struct DivergenceTests {
    private func place(_ recorded: String, _ asked: String) -> String? {
        Divergence.first(recorded: Array(recorded.utf8), asked: Array(asked.utf8))?.place
    }

    @Test("spelling and order make no difference")
    func same() {
        #expect(place(#"{"a": [1, "x"], "b": null}"#, #"{"b":null,"a":[1,"\u0078"]}"#) == nil)
        #expect(place("", "") == nil && place("no json", "no json") == nil)
    }

    @Test(
        "the first place is named",
        arguments: [
            (#"{"a": 1}"#, #"{"a": 2}"#, "a"), (#"{"a": [1, 2]}"#, #"{"a": [1, 3]}"#, "a[1]"),
            (#"{"a": [1]}"#, #"{"a": [1, 2]}"#, "a[1]"), (#"{"a": [1, 2]}"#, #"{"a": [1]}"#, "a[1]"),
            (#"{"a": {"b": true}}"#, #"{"a": {"b": false}}"#, "a.b"), (#"{"a": 1}"#, #"{"b": 1}"#, "a"),
            (#"{"a": 1}"#, #"{"a": 1, "b": 1}"#, "b"), (#"{"a": 1}"#, #"{"a": "1"}"#, "a"), ("[1]", "[2]", "[0]"),
            (#"{"a": 1}"#, "no json", ""),
        ])
    func parts(_ recorded: String, _ asked: String, _ expected: String) { #expect(place(recorded, asked) == expected) }

    @Test("who asks makes no difference, and only where clients say it")
    func senders() {
        let said = #"{"metadata": {"user_id": "one"}, "user": "a", "input": [{"user": "c"}]}"#
        #expect(place(said, #"{"input": [{"user": "c"}], "prompt_cache_key": "k", "safety_identifier": "s"}"#) == nil)
        #expect(place(said, #"{"input": [{"user": "d"}]}"#) == "input[0].user")
    }

    @Test("long texts are shown from where they part")
    func long() throws {
        let text = String(repeating: "a", count: 1000)
        let found = try #require(
            Divergence.first(recorded: Array("\"\(text)b\"".utf8), asked: Array("\"\(text)c\"".utf8)))
        #expect(found.recorded.hasPrefix("...aaa") && found.recorded.hasSuffix("b\"") && found.recorded.count < 200)
        #expect(found.asked.hasSuffix("c\""))
    }
}
