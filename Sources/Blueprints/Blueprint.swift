// SPDX-License-Identifier: Apache-2.0
package import Documents
package import Policy
package import TaskModel

/// What an operator declares about one repository: who may have agents work on it, where, with what, and how far.
///
/// A value: every default is written out, every form is checked. Whether the profile allows what it asks for is only known
/// once there is a profile; see ``narrowed(_:expand:)``.
package struct Blueprint: Sendable {
    package let repo: RepositoryName
    package let reason: String
    package let source: Source
    package let submitters: [Principal]
    package let taskTypes: [TaskType]
    /// Name of the profile that ``sandbox`` narrows.
    package let profile: String
    package let compute: ComputeType
    package let agent: Agent
    package let runner: Runner
    package let credentials: Credentials
    package let sandbox: SandboxPart
    package let pipeline: Pipeline
    package let approvals: Approvals
    package let budgets: Budgets
    package let scope: Scope
    package let screening: Screening
    /// Where the document begins.
    package let place: Place
    package let warnings: [BlueprintFlaw]

    /// Where the repository is. At least one of the first two is there.
    package struct Source: Sendable, Hashable {
        package let repository: String?
        package let forge: String?
        package let forgeURL: String?
        package let base: String?
    }

    /// What the agent may use up and what it is told.
    package struct Agent: Sendable, Hashable {
        package let model: String?
        package let maxTurns: Int
        package let maxTurnsCeiling: Int
        /// Micro-dollars; nil where only the ceilings hold.
        package let maxBudget: UInt64?
        package let systemPrompt: String?
    }

    package struct Runner: Sendable, Hashable {
        package enum Program: Sendable, Hashable {
            case preset(String)
            case command(String, promptBy: AgentPreset.PromptBy)
        }
        package let program: Program
        package let timeoutSeconds: Int?
        package let models: String?
    }

    /// References only; the values are read outside of every sandbox when they are used.
    package struct Credentials: Sendable, Hashable {
        package struct App: Sendable, Hashable {
            package let id: Int
            package let key: String
            package let installation: Int?
        }
        package let forge: String?
        package let app: App?
    }

    package struct Pipeline: Sendable, Hashable {
        package let pollMilliseconds: Int
        package let previousResults: Int
        package let setupCommand: String?
        package let buildCommand: String?
        package let lintCommand: String?
        package let testCommand: String?
        package let measureCommand: String?
        package let gate: TestGate
        package let workflow: Workflow
        package let customSteps: [CustomStep]
        /// As it was declared; nil where steps stand in the usual order.
        package let declaredSequence: [StepReference]?
        /// What runs: checked, and with what the framework adds.
        package let sequence: StepSequence
    }

    /// Micro-dollars.
    package struct Budgets: Sendable, Hashable {
        package let perTask: UInt64?
        package let perDay: UInt64?
        package let perMonth: UInt64?
    }

    /// What a task may change; nil is no bound but the push gate's own.
    package struct Scope: Sendable, Hashable {
        package let writable: [String]?
        package let maxFiles: Int?
        package let maxBytes: UInt64?
    }

    /// The parts that are a profile's, decoded, and the same as they were spelled.
    package struct SandboxPart: Sendable {
        package let document: ProfileDocument
        package let spelled: JSON
    }

    /// The profile that a task's sandboxes get: the operator's, as this blueprint narrows it.
    ///
    /// - Throws: ``BlueprintFlaw`` that names the first key that would give more than the profile does.
    package func narrowed(
        _ profile: Profile,
        expand: (RegistryClient, EgressRule) throws(PolicyError) -> [EgressRule] = Profile.cannotExpand
    ) throws(BlueprintFlaw) -> Profile {
        do throws(PolicyError) {
            return try profile.narrowed(by: sandbox.document, expand: expand)
        } catch {
            var flaw = BlueprintFlaw(error)
            for (theirs, ours) in [
                ("limits.", "resources."), ("egress.rules", "networking.egress"),
                ("egress.direct_ip", "networking.direct_ip"),
            ] where flaw.message.hasPrefix(theirs) {
                flaw.message = ours + flaw.message.dropFirst(theirs.count)
            }
            flaw.message = flaw.message.split(separator: Self.theirWords).joined(separator: Self.ourWords)
            throw flaw
        }
    }

    private static let theirWords = "a project's own file may only narrow"
    private static let ourWords = "a blueprint may only narrow"
}

/// What a test has to do for a task to succeed.
package enum TestGate: String, Sendable, CaseIterable { case pass, regression }

/// What happens where somebody's words read like orders to the agent.
package enum Screening: String, Sendable, CaseIterable { case block, strip }

/// People decide here.
package struct Approvals: Sendable, Hashable {
    package enum Level: String, Sendable, CaseIterable { case supervised, standard, autonomous }
    package enum Gate: String, Sendable, CaseIterable {
        case plan, push
        case pullRequest = "pull_request"
        case newHost = "new_host"
        case secretUse = "secret_use"
    }

    package let level: Level
    /// Every gate that asks, whatever the level is called.
    package let gates: [Gate]
    package let timeoutSeconds: Int
    package let planTimeoutSeconds: Int
    package let cap: Int
    /// Empty: whoever submitted the task.
    package let approvers: [Principal]
    package let allowsSelfApproval: Bool
}

/// A user or a group of the host, as the kernel tells who is at a socket (SO_PEERCRED).
package enum Principal: Sendable, Hashable, CustomStringConvertible {
    case user(String)
    case group(String)
    case uid(UInt32)
    case everyone

    package static let form = "user:NAME, group:NAME, uid:N or everyone"

    package init?(_ text: String) {
        if text == "everyone" {
            self = .everyone
            return
        }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let value = String(parts[1])
        switch parts[0] {
        case "user" where Self.isName(value): self = .user(value)
        case "group" where Self.isName(value): self = .group(value)
        case "uid":
            // The last one means "no change" to setresuid(2), and is nobody.
            guard let number = UInt32(value), "\(number)" == value, number != .max else { return nil }
            self = .uid(number)
        default: return nil
        }
    }

    /// As useradd(8) takes them, and long enough for a directory's.
    private static func isName(_ text: String) -> Bool {
        guard (1...64).contains(text.utf8.count), let first = text.utf8.first, first != UInt8(ascii: "-") else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "-_.@".utf8.contains(byte)
        }
    }

    package var description: String {
        switch self {
        case .user(let name): "user:\(name)"
        case .group(let name): "group:\(name)"
        case .uid(let number): "uid:\(number)"
        case .everyone: "everyone"
        }
    }
}
