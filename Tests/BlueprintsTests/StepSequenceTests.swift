// SPDX-License-Identifier: Apache-2.0
import Blueprints
import Documents
import Foundation
import Policy
import Testing

/// Rules S1 to S14, at declaration and again at load: one table for both.
@Suite("step sequences")
struct StepSequenceTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let rule: SequenceRule
        /// `!` before a name of the sequence marks a custom step.
        let steps: [String]
        let custom: [CustomStep]

        init(_ rule: SequenceRule, _ name: String, _ steps: String, custom: [CustomStep] = []) {
            self.rule = rule
            self.name = name
            self.steps = steps.split(separator: " ").map(String.init)
            self.custom = custom
        }
        var testDescription: String { "\(rule.rawValue): \(name)" }

        var references: [StepReference] {
            steps.map { word in
                let name = String(word.drop { $0 == "!" })
                let full =
                    [
                        "ac": "admission-control", "pf": "pre-flight", "hc": "hydrate-context", "ss": "start-session",
                        "aw": "await-agent-completion", "fi": "finalize",
                    ][name] ?? name
                return StepReference(kind: word.hasPrefix("!") ? .custom : .builtin, name: full)
            }
        }
    }

    static func step(_ name: String, _ phase: CustomStep.Phase = .postAgent) -> CustomStep {
        CustomStep(name: name, phase: phase, work: .command("true"))
    }

    static let scan = step("scan")
    static let errors: [Case] = [
        Case(.required, "admission-control is missing", "pf hc ss aw fi"),
        Case(.required, "start-session is missing", "ac pf hc aw fi"),
        Case(.required, "await is missing", "ac pf hc ss fi"),
        Case(.required, "finalize is missing", "ac pf hc ss aw"),
        Case(.required, "finalize stands there twice", "ac pf hc ss aw fi fi"),
        Case(.required, "nothing stands there", ""),
        Case(.admissionFirst, "admission-control is second", "pf ac hc ss aw fi"),
        Case(.finalizeLast, "finalize is in the middle", "ac pf hc ss fi aw"),
        Case(.startBeforeAwait, "await stands before start", "ac pf hc aw ss fi"),
        Case(.preFlightBeforeStart, "pre-flight behind start", "ac hc ss pf aw fi"),
        Case(.customInside, "a custom step before admission", "!scan ac pf hc ss aw fi", custom: [scan]),
        Case(.customInside, "a custom step behind finalize", "ac pf hc ss aw fi !scan", custom: [scan]),
        Case(.knownNames, "an unknown built-in step", "ac pf hc ss aw deploy fi"),
        Case(.knownNames, "a custom step that is not declared", "ac pf hc ss aw !scan fi"),
        Case(.knownNames, "a custom step listed as built-in", "ac pf hc ss aw scan fi", custom: [scan]),
        Case(.knownNames, "load-task listed", "load-task ac pf hc ss aw fi"),
        Case(.knownNames, "load-blueprint listed", "ac load-blueprint pf hc ss aw fi"),
        Case(.uniqueNames, "a custom step twice in the sequence", "ac pf hc ss aw !scan !scan fi", custom: [scan]),
        Case(.uniqueNames, "pre-flight twice", "ac pf pf hc ss aw fi"),
        Case(.uniqueNames, "two custom steps of one name", "ac pf hc ss aw !scan fi", custom: [scan, scan]),
        Case(.uniqueNames, "a custom step named as a built-in", "ac pf hc ss aw fi", custom: [step("finalize")]),
        Case(.uniqueNames, "a custom step named as an implicit one", "ac pf hc ss aw fi", custom: [step("load-task")]),
        Case(.hydrationBeforeStart, "hydration behind start", "ac pf ss hc aw fi"),
    ]

    @Test("an order that breaks a rule is refused by the rule's name, when it is declared", arguments: errors)
    func declared(_ one: Case) {
        let place = Place(file: "b.yaml", line: 9)
        let (sequence, flaws) = StepSequence.check(
            one.references.map { Sourced($0, place) }, custom: one.custom.map { Sourced($0, place) }, place: place)
        #expect(sequence == nil)
        let found = flaws.filter { $0.severity == .error }
        #expect(found.contains { $0.rule == one.rule }, "\(flaws)")
        #expect(found.allSatisfy { $0.description.contains("INVALID_STEP_SEQUENCE") && $0.place.line == 9 })
    }

    @Test("and again when a task begins", arguments: errors)
    func loaded(_ one: Case) {
        let refusal = #expect(throws: BlueprintRefusal.self) {
            _ = try StepSequence.loaded(one.references, custom: one.custom, from: Place(file: "task", line: 0))
        }
        #expect(refusal?.flaws.contains { $0.rule == one.rule } == true)
    }

    static let warnings: [Case] = [
        Case(.hydrationAbsent, "no hydration", "ac pf ss aw fi"),
        Case(.phaseContradicts, "post-agent before the start", "ac pf hc !scan ss aw fi", custom: [scan]),
        Case(
            .phaseContradicts, "pre-agent behind the end", "ac pf hc ss aw !early fi",
            custom: [step("early", .preAgent)]),
        Case(.neverRuns, "declared and in no place", "ac pf hc ss aw fi", custom: [scan]),
    ]

    @Test("what is merely odd is taken, with a warning", arguments: warnings)
    func odd(_ one: Case) {
        let place = Place(file: "b.yaml", line: 9)
        let (sequence, flaws) = StepSequence.check(
            one.references.map { Sourced($0, place) }, custom: one.custom.map { Sourced($0, place) }, place: place)
        #expect(sequence != nil)
        #expect(flaws.map(\.rule) == [one.rule] && flaws.map(\.severity) == [.warning])
    }

    @Test("S5: pre-flight that is left out is put behind admission-control")
    func inserted() throws {
        let one = Case(.preFlightBeforeStart, "", "ac hc ss aw fi")
        let sequence = try StepSequence.loaded(one.references, custom: [], from: Place(file: "t", line: 0))
        #expect(
            sequence.steps.map(\.name) == [
                "admission-control", "pre-flight", "hydrate-context", "start-session", "await-agent-completion",
                "finalize",
            ])
    }

    @Test("S11: a step between start and await is allowed, and known to run beside the session")
    func beside() throws {
        let one = Case(.besideSession, "", "ac pf hc ss !scan aw fi", custom: [Self.scan])
        let sequence = try StepSequence.loaded(one.references, custom: one.custom, from: Place(file: "t", line: 0))
        #expect(sequence.besideSession.map(\.name) == ["scan"])
        let usual = StepSequence.check(nil, custom: [], place: Place(file: "t", line: 0)).sequence
        #expect(usual?.besideSession == [])
    }

    @Test("S14: without a sequence steps stand by phase, in the order of their declaration")
    func usual() throws {
        let place = Place(file: "b.yaml", line: 1)
        let custom = [Self.step("z"), Self.step("b", .preAgent), Self.step("a", .preAgent), Self.step("y")]
        let (sequence, flaws) = StepSequence.check(nil, custom: custom.map { Sourced($0, place) }, place: place)
        #expect(flaws == [])
        #expect(
            sequence?.steps.map(\.name) == [
                "admission-control", "pre-flight", "hydrate-context", "b", "a", "start-session",
                "await-agent-completion", "z", "y", "finalize",
            ])
    }

    @Test("every rule is the rule of some case here")
    func complete() {
        let seen = Set((Self.errors + Self.warnings).map(\.rule))
        #expect(Set(SequenceRule.allCases).subtracting(seen) == [.besideSession, .usualOrder])
    }

    @Test("a flaw in a file names the line of the step, and nothing is made of the file")
    func places() throws {
        let flaws = BlueprintFixtures.flaws(
            BlueprintFixtures.text(
                """
                pipeline:
                  custom_steps:
                    - {name: scan, phase: post-agent, command: "true"}
                  step_sequence:
                    - {type: custom, name: scan}
                    - {type: builtin, name: admission-control}
                    - {type: builtin, name: start-session}
                    - {type: builtin, name: await-agent-completion}
                    - {type: builtin, name: finalize}
                """))
        #expect(flaws.contains { $0.rule == .admissionFirst && $0.place.line == 12 })
        #expect(flaws.contains { $0.rule == .customInside && $0.place.line == 11 })
    }

    @Test(
        "a custom step that cannot be run is refused by its path",
        arguments: [
            ("{name: scan, phase: post-agent}", "says nothing to run"),
            ("{name: scan, phase: post-agent, command: a, program: /b}", "names a program and a command"),
            ("{name: scan, phase: post-agent, program: b}", "no absolute path"),
            ("{name: scan, phase: post-agent, program: \"/a:b\"}", "has a colon"),
            ("{name: scan, phase: post-agent, command: a, arguments: [x]}", "stands without a program"),
            ("{name: Scan, phase: post-agent, command: a}", "no name of a step"),
            ("{name: scan, phase: later, command: a}", "phase is \"later\""),
            ("{name: scan, command: a}", "phase\" is missing"),
            ("{name: scan, phase: post-agent, command: a, timeout: 2h}", "no time from 1s to 1h"),
            ("{name: scan, phase: post-agent, command: a, max_retries: 11}", "no whole number from 0 to 10"),
            ("{name: scan, phase: post-agent, command: a, config: {x: yes}}", "is yes without quotes"),
            (
                "{name: scan, phase: post-agent, command: a, config: {x: gh\u{70}_16C7e42F292c6912E7710c838347Ae178B4a}}",
                "looks like a credential"
            ),
            (
                "{name: scan, phase: post-agent, command: a, config: {x: \"\(String(repeating: "x", count: 10_300))\"}}",
                "more than 10240"
            ),
        ])
    func steps(_ step: String, _ says: String) {
        let flaws = BlueprintFixtures.flaws(BlueprintFixtures.text("pipeline: {custom_steps: [\(step)]}"))
        #expect(
            flaws.contains { $0.description.contains(says) && $0.description.contains("pipeline.custom_steps[0]") },
            "\(flaws)")
    }
}
