// SPDX-License-Identifier: Apache-2.0
import Blueprints
import Documents
import TaskModel
import Testing

/// What the process of a step leaves for whoever started it.
@Suite("the end of a step")
struct StepEndTests {
    static let ends = [
        StepEnd(.success(metadata: ["n": 1])), StepEnd(.failed(message: "busy", metadata: [:]), mayRepeat: true),
        StepEnd(.failed(message: "no", metadata: [:]), code: .forgeUnreachable),
        StepEnd(.skipped(reason: nil, metadata: [:])),
    ]

    @Test("reads back as it was written", arguments: ends)
    func roundTrip(_ end: StepEnd) throws { #expect(try StepEnd(json: end.json) == end) }

    @Test("is read as strictly as if the step had written it itself")
    func strict() {
        let long = JSON.string(String(repeating: "x", count: StepOutput.longestMetadata))
        for json in [
            ["repeat": true] as JSON, ["output": "success"],
            ["output": ["status": "success", "metadata": ["x": long]]],
            ["output": ["status": "failed", "metadata": [:]]], ["output": ["status": "success", "step": "other"]],
        ] {
            #expect(throws: StepOutput.Flaw.self) { try StepEnd(json: json) }
        }
    }
}
