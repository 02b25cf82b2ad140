// SPDX-License-Identifier: Apache-2.0

/// A step that the framework brings. Two more, `load-task` and `load-blueprint`, come before all others by themselves.
package enum BuiltinStep: String, Sendable, CaseIterable {
    case admissionControl = "admission-control"
    case preFlight = "pre-flight"
    case hydrateContext = "hydrate-context"
    case startSession = "start-session"
    case awaitCompletion = "await-agent-completion"
    case finalize

    /// Names that cannot be listed, since they are always there.
    package static let implicit = ["load-task", "load-blueprint"]

    /// Without these there is no task, whatever a blueprint says.
    package static let required: [BuiltinStep] = [.admissionControl, .startSession, .awaitCompletion, .finalize]
}

/// An executable of the operator's own that takes part in a task, in a sandbox of its own.
///
/// It gets a ``StepInput`` on standard input, and its standard output is one ``StepOutput``.
package struct CustomStep: Sendable, Hashable {
    /// Where it runs when a blueprint gives no order.
    package enum Phase: String, Sendable, CaseIterable {
        case preAgent = "pre-agent"
        case postAgent = "post-agent"
    }

    package enum Work: Sendable, Hashable {
        /// A file of the host, shown read-only.
        case program(String, arguments: [String])
        /// Text for /bin/sh.
        case command(String)
    }

    /// What it finds at /workspace.
    package enum Workspace: String, Sendable, CaseIterable {
        case none
        /// The task's commit: the base before the agent, what it delivered afterwards. Never writable.
        case repository
    }

    package let name: String
    package let phase: Phase
    package let work: Work
    package let profile: String
    package let workspace: Workspace
    /// Of one attempt.
    package let timeoutSeconds: Int
    package let maxRetries: Int
    package let configuration: StepConfiguration

    package init(
        name: String, phase: Phase, work: Work, profile: String = "strict", workspace: Workspace = .none,
        timeoutSeconds: Int = 120, maxRetries: Int = 2, configuration: StepConfiguration = .empty
    ) {
        self.name = name
        self.phase = phase
        self.work = work
        self.profile = profile
        self.workspace = workspace
        self.timeoutSeconds = timeoutSeconds
        self.maxRetries = maxRetries
        self.configuration = configuration
    }
}

/// One entry of `step_sequence`.
package struct StepReference: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable { case builtin, custom }
    package let kind: Kind
    package let name: String

    package init(kind: Kind, name: String) {
        self.kind = kind
        self.name = name
    }

    package init(_ step: BuiltinStep) { self.init(kind: .builtin, name: step.rawValue) }

    package var builtin: BuiltinStep? { kind == .builtin ? BuiltinStep(rawValue: name) : nil }
}
