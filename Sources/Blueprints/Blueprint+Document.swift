// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import Policy
internal import TaskModel

extension Blueprint {
    /// The blueprint as the content of a file, every default written out, keys in one order: equal blueprints have equal
    /// bytes, and read back it is the same blueprint.
    package var document: JSON {
        object([
            ("version", 1), ("repo", .string(repo.description)), ("reason", .string(reason)),
            ("source", source.document), ("submitters", Self.list(submitters.map(\.description))),
            ("task_types", Self.list(taskTypes.map(\.rawValue))), ("profile", .string(profile)),
            ("compute", ["type": .string(compute.rawValue)]), ("agent", agent.document), ("runner", runner.document),
            ("credentials", credentials.document),
            (
                "networking",
                object([("egress", sandbox.spelled["egress"]), ("direct_ip", sandbox.spelled["direct_ip"])])
            ), ("resources", sandbox.spelled["resources"]), ("filesystem", sandbox.spelled["filesystem"]),
            ("pipeline", pipeline.document), ("approvals", approvals.document), ("budgets", budgets.document),
            ("scope", scope.document), ("screening", .string(screening.rawValue)),
        ])
    }

    /// What a digest of the blueprint is made of.
    package var canonicalBytes: [UInt8] { JSONWriter().write(document) }

    fileprivate static func list(_ texts: [String]) -> JSON { .array(texts.map { .string($0) }) }
}

/// Only what is there; an object of nothing is left out as well.
private func object(_ members: [(String, JSON?)]) -> JSON {
    .object(
        members.compactMap { name, value in
            guard let value, value != .object([]) else { return nil }
            return .init(name, value)
        })
}

private func text(_ value: String?) -> JSON? { value.map { .string($0) } }
private func number(_ value: Int?) -> JSON? { value.map { .int($0) } }
private func dollars(_ value: UInt64?) -> JSON? { value.map { .string(Money.text($0)) } }
private func seconds(_ value: Int?) -> JSON? { value.map { .string(Units.text(seconds: UInt64($0))) } }

extension Blueprint.Source {
    fileprivate var document: JSON {
        object([
            ("repository", text(repository)), ("forge", text(forge)), ("forge_url", text(forgeURL)),
            ("base", text(base)),
        ])
    }
}

extension Blueprint.Agent {
    fileprivate var document: JSON {
        object([
            ("model", text(model)), ("max_turns", number(maxTurns)), ("max_turns_ceiling", number(maxTurnsCeiling)),
            ("max_budget_usd", dollars(maxBudget)), ("system_prompt", text(systemPrompt)),
        ])
    }
}

extension Blueprint.Runner {
    fileprivate var document: JSON {
        let tail = [("timeout", seconds(timeoutSeconds)), ("models", text(models))]
        switch program {
        case .preset(let name): return object([("agent", .string(name))] + tail)
        case .command(let command, let promptBy):
            return object([("command", .string(command)), ("prompt", .string(promptBy.rawValue))] + tail)
        }
    }
}

extension Blueprint.Credentials {
    fileprivate var document: JSON {
        object([
            ("forge", text(forge)),
            (
                "github_app",
                app.map {
                    object([("id", .int($0.id)), ("key", .string($0.key)), ("installation", number($0.installation))])
                }
            ),
        ])
    }
}

extension Blueprint.Pipeline {
    fileprivate var document: JSON {
        object([
            ("poll_interval_ms", number(pollMilliseconds)), ("previous_results", number(previousResults)),
            ("setup_command", text(setupCommand)), ("build_command", text(buildCommand)),
            ("lint_command", text(lintCommand)), ("test_command", text(testCommand)),
            ("measure_command", text(measureCommand)), ("gate", .string(gate.rawValue)),
            ("workflow", workflow == .direct ? nil : .string(workflow.kind.rawValue)),
            ("review_rounds", workflow.reviewRounds.map { .int($0) }),
            ("custom_steps", customSteps.isEmpty ? nil : .array(customSteps.map(\.document))),
            ("step_sequence", declaredSequence.map { .array($0.map(\.document)) }),
        ])
    }
}

extension CustomStep {
    package var document: JSON {
        var members: [(String, JSON?)] = [("name", .string(name)), ("phase", .string(phase.rawValue))]
        switch work {
        case .program(let path, let arguments):
            members.append(("program", .string(path)))
            if !arguments.isEmpty { members.append(("arguments", .array(arguments.map { .string($0) }))) }
        case .command(let command): members.append(("command", .string(command)))
        }
        members += [
            ("profile", .string(profile)), ("workspace", .string(workspace.rawValue)),
            ("timeout", seconds(timeoutSeconds)), ("max_retries", number(maxRetries)),
            ("config", configuration.values),
        ]
        return object(members)
    }
}

extension StepReference {
    package var document: JSON { ["type": .string(kind.rawValue), "name": .string(name)] }
}

extension Approvals {
    package var document: JSON {
        object([
            ("level", .string(level.rawValue)),
            ("gates", level == .standard ? .array(gates.map { .string($0.rawValue) }) : nil),
            ("timeout", seconds(timeoutSeconds)), ("plan_timeout", seconds(planTimeoutSeconds)), ("cap", number(cap)),
            ("approvers", approvers.isEmpty ? nil : .array(approvers.map { .string($0.description) })),
            ("self_approval", .bool(allowsSelfApproval)),
        ])
    }
}

extension Blueprint.Budgets {
    fileprivate var document: JSON {
        object([
            ("per_task_usd", dollars(perTask)), ("per_day_usd", dollars(perDay)), ("per_month_usd", dollars(perMonth)),
        ])
    }
}

extension Blueprint.Scope {
    fileprivate var document: JSON {
        object([
            ("writable", writable.map { .array($0.map { .string($0) }) }), ("max_files", number(maxFiles)),
            ("max_bytes", maxBytes.map { .string(Units.text(bytes: $0)) }),
        ])
    }
}
