// SPDX-License-Identifier: Apache-2.0
import Delivery
import Documents
import Testing

/// How carefully a change wants to be looked at: a labelled set, and what follows from each fact alone.
@Suite("risk of a change")
struct ChangeRiskTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let label: ChangeRisk.Label
        let paths: [String]
        var files: Int?
        var lines = 10
        var flags = 0
        var checks: [String] = ["passed"]
        let testDescription: String
    }

    static let cases: [Case] = [
        Case(label: .low, paths: ["src/parser.c", "tests/parser_test.c"], testDescription: "code and its test"),
        Case(label: .low, paths: ["README.md"], testDescription: "a page"),
        Case(label: .low, paths: ["docs/authors.md"], testDescription: "a word that only looks like another"),
        Case(label: .medium, paths: ["src/a.c", "Cargo.lock"], testDescription: "a lock file"),
        Case(label: .medium, paths: ["requirements-dev.txt"], testDescription: "requirements"),
        Case(label: .medium, paths: ["Makefile"], testDescription: "how it is built"),
        Case(label: .medium, paths: ["db/migrations/0004.sql"], testDescription: "a migration"),
        Case(label: .medium, paths: ["a.c"], checks: [], testDescription: "nothing was run"),
        Case(label: .medium, paths: ["a.c"], lines: 501, testDescription: "many lines"),
        Case(label: .medium, paths: ["a.c"], files: 21, testDescription: "many files"),
        Case(label: .high, paths: ["a.c"], lines: 2001, testDescription: "very many lines"),
        Case(label: .high, paths: ["a.c"], files: 101, testDescription: "very many files"),
        Case(label: .high, paths: ["a.c"], flags: 1, testDescription: "flagged by the gate"),
        Case(label: .high, paths: ["a.c"], checks: ["passed", "failed"], testDescription: "a check failed"),
        Case(label: .high, paths: [".github/workflows/ci.yml"], testDescription: "what runs elsewhere"),
        Case(label: .high, paths: ["src/auth/login.py"], testDescription: "rights"),
        Case(label: .high, paths: ["lib/Token.swift"], testDescription: "credentials"),
    ]

    private func evidence(_ c: Case) -> JSON {
        [
            "delivered": [
                "files": .int(c.files ?? c.paths.count), "insertions": .int(c.lines), "deletions": 0,
                "paths": .array(c.paths.map { .string($0) }),
            ],
            "gate": ["flags": .array(Array(repeating: ["check": "built_paths"], count: c.flags))],
            "checks": .array(c.checks.map { ["name": "test", "after": .string($0)] }),
        ]
    }

    @Test("each fact raises the label as far as it should and no further", arguments: cases)
    func label(_ c: Case) throws {
        let risk = try #require(ChangeRisk(evidence(c)))
        #expect(risk.label == c.label, "\(risk.reasons)")
        #expect(c.label == .low || !risk.reasons.isEmpty)
    }

    @Test("without a change there is nothing to say")
    func nothing() {
        #expect(ChangeRisk(["delivered": nil, "checks": []]) == nil)
        #expect(ChangeRisk([:]) == nil)
    }
}
