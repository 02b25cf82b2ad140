// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

@Suite(
    "traces of the daemon's tasks", .serialized, .requires(.root), .requires(.git), .requires(.runner),
    .requires(.python), .timeLimit(.minutes(25)))
struct TraceTaskTests {
    private struct Span {
        let id: String
        let parent: String?
        let name: String
        let started: Int
        let ended: Int

        init(_ json: JSON) throws {
            id = try #require(json["spanId"]?.stringValue)
            parent = json["parentSpanId"]?.stringValue
            name = try #require(json["name"]?.stringValue)
            started = try #require(json["startTimeUnixNano"]?.stringValue.flatMap { Int($0) })
            ended = try #require(json["endTimeUnixNano"]?.stringValue.flatMap { Int($0) })
        }
    }

    @Test("O2: a task's spans nest, name their parents, and are the same for the next daemon")
    func whole() throws {
        let scene = try DaemonScene()
        let vendor = try ModelVendor(scene.sallyport.home)
        try scene.start()
        let agent = "python3 -c '\(ModelVendor.client)ask(\"chat\", \"say hello\")' && echo fixed > file"
        try scene.onboard(
            runner: "{command: \(JSON.string(agent).compactText), models: \(JSON.string(vendor.file).compactText)}")
        let id = "0f8fad5bd9cb469fa16570867728950e"
        let done = try scene.request(["--issue", "1", "--wait", "--json", "--correlation-id", id]).run()
        #expect(done.code == 0, "\(done.text)\(done.errorText)")
        let task = try #require(try scene.json(done)["task"]?.stringValue)
        let first = try scene.ask("trace", task, "--json")
        #expect(try scene.ask("trace", task, "--json").text == first.text)
        try scene.end(SIGTERM)
        try scene.start()
        #expect(try scene.ask("trace", task, "--json").text == first.text)
        let scopes = try scene.json(first)["resourceSpans"]?.arrayValue?.first?["scopeSpans"]?.arrayValue
        let all = try #require(scopes?.first?["spans"]?.arrayValue)
        #expect(all.allSatisfy { $0["traceId"]?.stringValue == id })
        let spans = try all.map { try Span($0) }
        #expect(Set(spans.map(\.id)).count == spans.count)
        for span in spans {
            #expect(span.started <= span.ended, "\(span)")
            guard let parent = span.parent else {
                #expect(span.name == "task")
                continue
            }
            let outer = try #require(spans.first { $0.id == parent }, "\(span)")
            #expect(outer.started <= span.started && span.ended <= outer.ended, "\(span) in \(outer)")
        }
        let names = spans.map(\.name)
        for name in [
            "submit", "pre-flight", "hydrate-context", "start-session", "await-agent-completion", "sandbox before",
            "sandbox work", "model calls", "sandbox after", "delivery", "finalize",
        ] { #expect(names.contains(name), "\(name) in \(names)") }
        // What took long is seen to have taken long: a sandbox is no point in time.
        let work = try #require(spans.first { $0.name == "sandbox work" })
        #expect(work.ended > work.started)
        let shown = try scene.ask("trace", task)
        #expect(shown.code == 0 && shown.text.hasPrefix("trace \(id)\n"), "\(shown.text)")
        #expect(shown.lines.count == spans.count + 1 && shown.text.contains("1 calls"))
        // Another user hears nothing of it.
        #expect(try scene.say("trace", ["task": .string(task)], uid: 4242).contains("FORBIDDEN"))
        try scene.end(SIGTERM)
    }
}
