// SPDX-License-Identifier: Apache-2.0

/// One value of a task's merged configuration, by the flat name that steps know it by.
package enum ConfigField: String, Sendable, CaseIterable {
    case status
    case source
    case computeType = "compute_type"
    case modelID = "model_id"
    case maxTurns = "max_turns"
    case maxBudget = "max_budget_usd"
    case promptOverrides = "system_prompt_overrides"
    /// A reference, never the value.
    case forgeCredential = "forge_credential"
    case profile
    case egress = "egress_allowlist"
    case resources, filesystem, runner, models
    case pollInterval = "poll_interval_ms"
    case customSteps = "custom_steps"
    case stepSequence = "step_sequence"
    case setupCommand = "setup_command"
    case buildCommand = "build_command"
    case lintCommand = "lint_command"
    case testCommand = "test_command"
    case gate
    case submitters, approvals, budgets, scope, screening
    case taskTypes = "task_types"

    /// What one step gets of the merged configuration; everything else is kept from it.
    ///
    /// What `start-session` gets of the sandbox goes to the supervisor, not inside. No step gets a credential: those
    /// that use one get the reference, and the broker resolves it.
    package static func visible(to step: StepReference) -> Set<ConfigField> {
        switch step.builtin {
        case .admissionControl: [.status, .resources, .budgets]
        case .preFlight: [.forgeCredential, .source, .profile]
        case .hydrateContext: [.forgeCredential, .source, .promptOverrides, .screening]
        case .startSession:
            [
                .computeType, .modelID, .maxTurns, .maxBudget, .profile, .resources, .filesystem, .egress, .runner,
                .models,
            ]
        case .awaitCompletion: [.pollInterval]
        case .finalize: []
        case nil: ownStep
        }
    }

    /// What an operator's own step may know of the others' configuration: nothing that says where a credential is, what may
    /// leave, who decides, or what another step was told.
    private static let ownStep: Set<ConfigField> = [
        .computeType, .modelID, .maxTurns, .maxBudget, .profile, .setupCommand, .buildCommand, .lintCommand,
        .testCommand, .gate, .taskTypes,
    ]
}
