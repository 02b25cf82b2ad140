// SPDX-License-Identifier: Apache-2.0
package import TaskModel

/// Who is at the socket, as the kernel says (SO_PEERCRED); the names are those of the host's databases.
package struct Submitter: Sendable, Hashable {
    package let uid: UInt32
    package let user: String?
    package let groups: Set<String>

    package init(uid: UInt32, user: String? = nil, groups: Set<String> = []) {
        self.uid = uid
        self.user = user
        self.groups = groups
    }

    /// Whether one of the principals is this submitter. Nobody is in an empty list, root neither.
    package func isAmong(_ principals: [Principal]) -> Bool {
        principals.contains { principal in
            switch principal {
            case .everyone: true
            case .uid(let number): number == uid
            case .user(let name): name == user
            case .group(let name): groups.contains(name)
            }
        }
    }
}

/// A task as somebody asks for it, before anything of it is believed: every door builds this one value.
package struct Submission: Sendable, Hashable {
    package var submitter: Submitter
    package var repository: String
    /// A short name or that of the workflow.
    package var type: String
    package var text: String?
    package var issue: Int?
    package var pullRequest: Int?
    /// A document of acceptance criteria, read where the prompt is put together.
    package var criteria: String?
    package var maxTurns: Int?
    /// Dollars as they were written.
    package var maxBudget: String?
    package var model: String?
    package var approvalTimeoutSeconds: Int?
    package var preApprovals: [String] = []
    package var idempotencyKey: String?
    /// Tasks that have to end first.
    package var dependsOn: [String] = []
    /// 0 to 9, the highest first.
    package var priority: Int?
    package var correlation: String?

    package init(submitter: Submitter, repository: String, type: String = TaskType.newTask.rawValue) {
        self.submitter = submitter
        self.repository = repository
        self.type = type
    }

    /// What came through a door of this host.
    package init(_ request: TaskRequest, by submitter: Submitter, key: String?) {
        self.init(
            submitter: submitter, repository: request[.repository] ?? "",
            type: request[.type] ?? TaskType.newTask.rawValue)
        text = request[.task]
        issue = request.number(.issue)
        pullRequest = request.number(.pullRequest)
        criteria = request[.criteria]
        maxTurns = request.number(.maxTurns)
        maxBudget = request[.maxBudget]
        model = request[.model]
        approvalTimeoutSeconds = request.number(.approvalTimeout)
        preApprovals = request.list(.preApprovals)
        dependsOn = request.list(.dependsOn)
        priority = request.number(.priority)
        correlation = request[.correlation]
        idempotencyKey = key
    }
}

/// What is known of a repository when a task for it comes in.
package enum Onboarding: Sendable {
    /// There never was a blueprint for it.
    case unknown
    case removed
    case active(Blueprint)
}

/// A submission that may become a task: every form checked, the text cleaned, the figures settled.
package struct AcceptedTask: Sendable {
    package let submitter: Submitter
    package let repository: RepositoryName
    package let type: TaskType
    package let text: String?
    /// What was taken out of the text.
    package let findings: [ScreeningFinding]
    package let issue: Int?
    package let pullRequest: Int?
    package let limits: SettledFigures
    package let preApprovals: [String]
    package let idempotencyKey: String?
    package let dependsOn: [String]
    package let snapshot: TaskSnapshot
    /// As it is stored: what was asked for, with the text cleaned and the repository by its blueprint's name.
    package let request: TaskRequest
}

/// Why a submission becomes no task. Nothing was stored.
package struct GateRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    package let code: ErrorCode
    /// Every reason of that code, so that a caller mends all of it at once.
    package let reasons: [String]
    package let remedy: String

    package init(_ code: ErrorCode, _ reasons: [String], remedy: String) {
        self.code = code
        self.reasons = reasons
        self.remedy = remedy
    }

    package var description: String {
        "cannot take the task: \(reasons.joined(separator: "; ")) (\(code.rawValue)). \(remedy)"
    }
}
