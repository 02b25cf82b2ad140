// SPDX-License-Identifier: Apache-2.0
package import Documents
package import Policy

/// The steps of a task in the order in which they run, checked.
package struct StepSequence: Sendable, Hashable {
    package let steps: [StepReference]

    /// Custom steps that run while the session works already: when one fails, the session is stopped and reaped.
    package var besideSession: [StepReference] {
        guard let start = steps.firstIndex(of: StepReference(.startSession)),
            let end = steps.firstIndex(of: StepReference(.awaitCompletion)), start < end
        else { return [] }
        return steps[start..<end].filter { $0.kind == .custom }
    }

    /// Checks an order that a blueprint gives, or makes the usual one where it gives none.
    ///
    /// - Parameter place: Of the list, for what is wrong with the whole of it.
    /// - Returns: Everything that is wrong or odd; the sequence is nil when any of it is an error.
    package static func check(
        _ declared: [Sourced<StepReference>]?, custom: [Sourced<CustomStep>], place: Place
    ) -> (sequence: StepSequence?, flaws: [BlueprintFlaw]) {
        var check = SequenceCheck(custom: custom, place: place)
        check.customNames()
        let steps: [StepReference]
        if let declared {
            check.sequence(declared)
            steps = withPreFlight(declared.map(\.value))
        } else {
            steps = usual(custom.map(\.value))
        }
        let sequence = check.flaws.contains { $0.severity == .error } ? nil : StepSequence(steps: steps)
        return (sequence, check.flaws)
    }

    /// The same when a task begins, for steps that were stored: only what they say counts.
    ///
    /// - Throws: ``BlueprintRefusal`` with the rules that do not hold.
    package static func loaded(
        _ steps: [StepReference], custom: [CustomStep], from place: Place
    ) throws(BlueprintRefusal) -> StepSequence {
        let checked = check(
            steps.map { Sourced($0, place) }, custom: custom.map { Sourced($0, place) }, place: place)
        guard let sequence = checked.sequence else { throw BlueprintRefusal(checked.flaws) }
        return sequence
    }

    /// S14: declaration order, by phase.
    private static func usual(_ custom: [CustomStep]) -> [StepReference] {
        func steps(_ phase: CustomStep.Phase) -> [StepReference] {
            custom.filter { $0.phase == phase }.map { StepReference(kind: .custom, name: $0.name) }
        }
        return [.admissionControl, .preFlight, .hydrateContext].map { StepReference($0) } + steps(.preAgent)
            + [.startSession, .awaitCompletion].map { StepReference($0) } + steps(.postAgent)
            + [StepReference(.finalize)]
    }

    /// S5: nothing is spent before the look at what would make it useless.
    private static func withPreFlight(_ steps: [StepReference]) -> [StepReference] {
        let preFlight = StepReference(.preFlight)
        guard !steps.contains(preFlight), let admission = steps.firstIndex(of: StepReference(.admissionControl)) else {
            return steps
        }
        var result = steps
        result.insert(preFlight, at: admission + 1)
        return result
    }
}

/// Rules S1 to S13 over one list.
private struct SequenceCheck {
    let custom: [Sourced<CustomStep>]
    let place: Place
    private(set) var flaws: [BlueprintFlaw] = []

    init(custom: [Sourced<CustomStep>], place: Place) {
        self.custom = custom
        self.place = place
    }

    /// S9 over the declarations.
    mutating func customNames() {
        var seen: Set<String> = []
        for step in custom {
            let name = step.value.name
            if BuiltinStep(rawValue: name) != nil || BuiltinStep.implicit.contains(name) {
                add(.uniqueNames, step.place, "custom step \"\(name)\" has the name of a built-in step", "Rename it.")
            }
            if !seen.insert(name).inserted {
                add(.uniqueNames, step.place, "two custom steps are named \"\(name)\"", "Rename one of them.")
            }
        }
    }

    mutating func sequence(_ steps: [Sourced<StepReference>]) {
        names(steps)
        required(steps)
        order(steps)
        positions(steps)
        for step in custom
        where !steps.contains(where: { $0.value.kind == .custom && $0.value.name == step.value.name }) {
            add(
                .neverRuns, step.place,
                "custom step \"\(step.value.name)\" is in no place of step_sequence: it never runs",
                "Put it into the sequence, or remove it.")
        }
    }

    /// S8 and S9.
    private mutating func names(_ steps: [Sourced<StepReference>]) {
        var seen: Set<StepReference> = []
        for step in steps {
            let name = step.value.name
            switch step.value.kind {
            case .builtin where BuiltinStep.implicit.contains(name):
                add(.knownNames, step.place, "\"\(name)\" is always first and cannot be listed", "Remove it.")
            case .builtin where step.value.builtin == nil:
                let known = BuiltinStep.allCases.map(\.rawValue).joined(separator: ", ")
                add(.knownNames, step.place, "there is no built-in step \"\(name)\"", "Known: \(known).")
            case .custom where !custom.contains(where: { $0.value.name == name }):
                add(
                    .knownNames, step.place, "custom step \"\(name)\" is not declared", "Declare it under custom_steps."
                )
            case .builtin, .custom: break
            }
            // A required step twice is S1's to say.
            if !seen.insert(step.value).inserted, !BuiltinStep.required.contains(where: { $0 == step.value.builtin }) {
                add(.uniqueNames, step.place, "step \"\(name)\" is listed twice", "Keep one of the two.")
            }
        }
    }

    /// S1.
    private mutating func required(_ steps: [Sourced<StepReference>]) {
        for needed in BuiltinStep.required {
            let found = steps.filter { $0.value.builtin == needed }
            if found.isEmpty {
                add(.required, place, "step \"\(needed.rawValue)\" is missing", "Add it.")
            }
            for extra in found.dropFirst() {
                add(.required, extra.place, "step \"\(needed.rawValue)\" is listed \(found.count) times", "Keep one.")
            }
        }
    }

    /// S2 to S6 and S12.
    private mutating func order(_ steps: [Sourced<StepReference>]) {
        func index(_ step: BuiltinStep) -> Int? { steps.firstIndex { $0.value.builtin == step } }
        if let admission = index(.admissionControl), admission != 0 {
            add(
                .admissionFirst, steps[admission].place, "admission-control is not the first step",
                "Move it to the front.")
        }
        if let last = index(.finalize), last != steps.count - 1 {
            add(.finalizeLast, steps[last].place, "finalize is not the last step", "Move it to the end.")
        }
        if let start = index(.startSession), let end = index(.awaitCompletion), start > end {
            add(
                .startBeforeAwait, steps[end].place, "await-agent-completion stands before start-session",
                "Swap the two.")
        }
        if let preFlight = index(.preFlight), let start = index(.startSession), preFlight > start {
            add(
                .preFlightBeforeStart, steps[preFlight].place, "pre-flight stands behind start-session",
                "Move it in front, or leave it out: it is then put behind admission-control.")
        }
        guard let hydration = index(.hydrateContext) else {
            add(
                .hydrationAbsent, place,
                "there is no hydrate-context: the session gathers by itself what the prompt is made of",
                "Add it before start-session.")
            return
        }
        if let start = index(.startSession), hydration > start {
            add(
                .hydrationBeforeStart, steps[hydration].place, "hydrate-context stands behind start-session",
                "Move it in front: a running session gets no other prompt.")
        }
    }

    /// S7 and S10.
    private mutating func positions(_ steps: [Sourced<StepReference>]) {
        func index(_ step: BuiltinStep) -> Int? { steps.firstIndex { $0.value.builtin == step } }
        for (position, step) in steps.enumerated() where step.value.kind == .custom {
            let name = step.value.name
            if let admission = index(.admissionControl), position < admission {
                add(
                    .customInside, step.place, "custom step \"\(name)\" stands before admission-control",
                    "Move it behind: nothing runs for a task that was not admitted.")
            }
            if let last = index(.finalize), position > last {
                add(
                    .customInside, step.place, "custom step \"\(name)\" stands behind finalize",
                    "Move it in front: afterwards the task is over.")
            }
            guard let declared = custom.first(where: { $0.value.name == name })?.value else { continue }
            let isEarly = index(.startSession).map { position < $0 } ?? false
            let isLate = index(.awaitCompletion).map { position > $0 } ?? false
            if declared.phase == .preAgent && isLate || declared.phase == .postAgent && isEarly {
                add(
                    .phaseContradicts, step.place,
                    "custom step \"\(name)\" is \(declared.phase.rawValue) and stands \(isLate ? "behind" : "before") the agent's work; its place counts",
                    "Change its phase or its place.")
            }
        }
    }

    private mutating func add(_ rule: SequenceRule, _ place: Place, _ message: String, _ remedy: String) {
        flaws.append(
            BlueprintFlaw(rule.isWarning ? .warning : .error, at: place, message, remedy: remedy, rule: rule))
    }
}
