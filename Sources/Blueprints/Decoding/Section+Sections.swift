// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Policy
internal import TaskModel

extension Section {
    /// The parts that are a profile's, read by the profile's own reader under the names that a blueprint has for them.
    func sandbox(_ reason: String) -> Blueprint.SandboxPart {
        let networking = section("networking")
        var document = ProfileDocument(
            file: node.place.file, place: node.place, reason: Sourced(reason, self["reason"]?.place ?? node.place))
        var spelled: [JSON.Member] = []
        let parts: [(ProfileDocument.Part, Section, String)] = [
            (.filesystem, self, "filesystem"), (.limits, self, "resources"), (.egressRules, networking, "egress"),
            (.directIP, networking, "direct_ip"),
        ]
        for (part, section, name) in parts {
            guard let node = section[name] else { continue }
            do throws(PolicyError) { try document.add(part, path: section.full(name), node) } catch {
                flaws.add(BlueprintFlaw(error))
                continue
            }
            if let json = StepConfiguration.json(node, section.full(name), section) {
                spelled.append(.init(name, json))
            }
        }
        return Blueprint.SandboxPart(document: document, spelled: .object(spelled))
    }

    func approvals() -> Approvals {
        let level = choice("level", Approvals.Level.self) ?? .standard
        let named = choices("gates", Approvals.Gate.self)
        if has("gates"), level != .standard {
            wrong(
                "gates", "stands beside \"level: \(level.rawValue)\", which says them itself", "Remove one of the two.")
        }
        let gates: [Approvals.Gate] =
            switch level {
            case .supervised: Approvals.Gate.allCases
            case .standard: named ?? [.push, .pullRequest]
            case .autonomous: []
            }
        let approvers = principals("approvers") ?? []
        if has("approvers"), approvers.isEmpty, !gates.isEmpty {
            wrong("approvers", "is empty: nobody could ever decide", "Name somebody, or remove the key.")
        }
        let selfApproval = flag("self_approval")
        if selfApproval == false, approvers.isEmpty {
            wrong("self_approval", "is false, and nobody else may decide", "Name approvers.")
        }
        return Approvals(
            level: level, gates: gates, timeoutSeconds: seconds("timeout", Bounds.approvalTimeout) ?? 300,
            planTimeoutSeconds: seconds("plan_timeout", Bounds.planTimeout) ?? 86_400,
            cap: whole("cap", Bounds.approvalCap) ?? 50, approvers: approvers,
            allowsSelfApproval: selfApproval ?? approvers.isEmpty)
    }

    func scope() -> Blueprint.Scope {
        Blueprint.Scope(
            writable: lines("writable", most: 200), maxFiles: whole("max_files", 1...100_000),
            maxBytes: bytes("max_bytes"))
    }

    /// Nil where the steps make no sequence.
    func pipeline() -> Blueprint.Pipeline? {
        let steps = customSteps()
        let declared = references()
        let checked = StepSequence.check(declared, custom: steps, place: self["step_sequence"]?.place ?? node.place)
        for flaw in checked.flaws { flaws.add(flaw) }
        let (poll, results) = (
            whole("poll_interval_ms", Bounds.pollMilliseconds), whole("previous_results", Bounds.previousResults)
        )
        let (setup, build, lint) = (text("setup_command"), text("build_command"), text("lint_command"))
        let (test, gate) = (text("test_command"), choice("gate", TestGate.self))
        let (kind, rounds) = (
            choice("workflow", Workflow.Kind.self) ?? .direct, whole("review_rounds", Workflow.rounds)
        )
        if rounds != nil, kind == .direct {
            wrong(
                "review_rounds", "is for a workflow with reviews", "Write workflow: plan-build-review, or leave it out."
            )
        }
        guard let sequence = checked.sequence else { return nil }
        return Blueprint.Pipeline(
            pollMilliseconds: poll ?? 30_000, previousResults: results ?? 5, setupCommand: setup, buildCommand: build,
            lintCommand: lint, testCommand: test, measureCommand: text("measure_command"), gate: gate ?? .pass,
            workflow: Workflow(kind, rounds: rounds), customSteps: steps.map(\.value),
            declaredSequence: declared.map { $0.map(\.value) }, sequence: sequence)
    }

    /// The custom steps whose form is right, each with its place.
    func customSteps() -> [Sourced<CustomStep>] {
        let items = items("custom_steps", most: 20) ?? []
        return items.enumerated().compactMap { index, item in
            let section = Section(
                item, path: "\(full("custom_steps"))[\(index)]", keys: "pipeline.custom_steps[]", flaws: flaws)
            return section.customStep().map { Sourced($0, item.place) }
        }
    }

    private func customStep() -> CustomStep? {
        let name = stepName("name")
        let phase = choice("phase", CustomStep.Phase.self)
        let (path, command) = (absolute("program"), text("command"))
        if has("program") == has("command") {
            wrong(
                node, self.path, has("program") ? "names a program and a command" : "says nothing to run",
                "Write one of program and command.")
        }
        if let path, path.contains(":") {
            wrong("program", "has a colon in its path, which a mount cannot name", "Put it elsewhere.")
        }
        let arguments = words("arguments", most: 64)
        if has("arguments"), !has("program") { wrong("arguments", "stands without a program", "Remove it.") }
        let work: CustomStep.Work? =
            if let path { .program(path, arguments: arguments ?? []) } else { command.map { .command($0) } }
        let (profile, workspace) = (profileName("profile"), choice("workspace", CustomStep.Workspace.self))
        let (timeout, retries) = (seconds("timeout", Bounds.stepTimeout), whole("max_retries", Bounds.retries))
        let configuration = StepConfiguration(self, "config")
        // Behind all of it, so that an author hears of all that is wrong.
        guard let name, let phase, let work else { return nil }
        return CustomStep(
            name: name, phase: phase, work: work, profile: profile ?? "strict", workspace: workspace ?? .none,
            timeoutSeconds: timeout ?? 120, maxRetries: retries ?? 2, configuration: configuration ?? .empty)
    }

    func references() -> [Sourced<StepReference>]? {
        items("step_sequence", most: 40).map { items in
            items.enumerated().compactMap { index, item in
                let section = Section(
                    item, path: "\(full("step_sequence"))[\(index)]", keys: "pipeline.step_sequence[]", flaws: flaws)
                let (kind, name) = (section.choice("type", StepReference.Kind.self), section.stepName("name"))
                guard let kind, let name else { return nil }
                return Sourced(StepReference(kind: kind, name: name), item.place)
            }
        }
    }

    private func stepName(_ name: String) -> String? {
        guard let text = line(name, longest: 64) else { return nil }
        guard Self.isPlainName(text) else {
            wrong(name, "is \"\(text)\", which is no name of a step", "Use small letters, digits and hyphens.")
            return nil
        }
        return text
    }
}
