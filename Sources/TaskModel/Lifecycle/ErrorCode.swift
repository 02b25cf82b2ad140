// SPDX-License-Identifier: Apache-2.0

/// Why a request was refused, or a task failed: one vocabulary for every door, stored and sent as `rawValue`.
package enum ErrorCode: String, Sendable, CaseIterable {
    case validation = "VALIDATION_ERROR"
    case attachmentBlocked = "ATTACHMENT_BLOCKED"
    case attachmentTooLarge = "ATTACHMENT_TOO_LARGE"
    case attachmentInlineTooLarge = "ATTACHMENT_INLINE_TOO_LARGE"
    case attachmentInvalidType = "ATTACHMENT_INVALID_TYPE"
    case attachmentInvalidContent = "ATTACHMENT_INVALID_CONTENT"
    case attachmentInvalidFilename = "ATTACHMENT_INVALID_FILENAME"
    case attachmentSizeMismatch = "ATTACHMENT_SIZE_MISMATCH"
    case attachmentUploadMissing = "ATTACHMENT_UPLOAD_MISSING"
    case attachmentsTotalTooLarge = "ATTACHMENTS_TOTAL_TOO_LARGE"
    case unauthorized = "UNAUTHORIZED"
    case forbidden = "FORBIDDEN"
    case taskNotFound = "TASK_NOT_FOUND"
    case traceNotAvailable = "TRACE_NOT_AVAILABLE"
    case webhookNotFound = "WEBHOOK_NOT_FOUND"
    case apiKeyNotFound = "API_KEY_NOT_FOUND"
    case requestNotFound = "REQUEST_NOT_FOUND"
    case registryRecordNotFound = "REGISTRY_RECORD_NOT_FOUND"
    case duplicateTask = "DUPLICATE_TASK"
    case taskAlreadyTerminal = "TASK_ALREADY_TERMINAL"
    case webhookAlreadyRevoked = "WEBHOOK_ALREADY_REVOKED"
    case apiKeyAlreadyRevoked = "API_KEY_ALREADY_REVOKED"
    case uploadsNotPending = "UPLOADS_NOT_PENDING"
    case requestAlreadyDecided = "REQUEST_ALREADY_DECIDED"
    case taskNotAwaitingApproval = "TASK_NOT_AWAITING_APPROVAL"
    case registryVersionExists = "REGISTRY_VERSION_EXISTS"
    case repositoryNotOnboarded = "REPO_NOT_ONBOARDED"
    case repositoryNotFound = "REPO_NOT_FOUND_OR_NO_ACCESS"
    case pullRequestNotOpen = "PR_NOT_FOUND_OR_CLOSED"
    case insufficientPermissions = "INSUFFICIENT_GITHUB_REPO_PERMISSIONS"
    case registryResolutionFailed = "REGISTRY_RESOLUTION_FAILED"
    case rateLimit = "RATE_LIMIT_EXCEEDED"
    case internalError = "INTERNAL_ERROR"
    case forgeUnreachable = "GITHUB_UNREACHABLE"
    case registryPublishIncomplete = "REGISTRY_PUBLISH_INCOMPLETE"
    case serviceUnavailable = "SERVICE_UNAVAILABLE"
    case screeningUnavailable = "ATTACHMENT_SCREENING_UNAVAILABLE"
    case screeningDeadline = "SCREENING_DEADLINE_EXCEEDED"
    // Reasons of a task, beside those above.
    case invalidStepSequence = "INVALID_STEP_SEQUENCE"
    case tokenMissing = "GITHUB_TOKEN_SECRET_MISSING"
    case tokenUnreadable = "GITHUB_TOKEN_SECRET_UNREADABLE"
    case runtimeUnavailable = "RUNTIME_UNAVAILABLE"
    case budgetExhausted = "BUDGET_EXHAUSTED"

    /// What HTTP says for it; nil for a reason that only a task has.
    package var status: Int? {
        switch self {
        case .validation, .attachmentBlocked, .attachmentTooLarge, .attachmentInlineTooLarge, .attachmentInvalidType,
            .attachmentInvalidContent, .attachmentInvalidFilename, .attachmentSizeMismatch, .attachmentUploadMissing,
            .attachmentsTotalTooLarge:
            400
        case .unauthorized: 401
        case .forbidden: 403
        case .taskNotFound, .traceNotAvailable, .webhookNotFound, .apiKeyNotFound, .requestNotFound,
            .registryRecordNotFound:
            404
        case .duplicateTask, .taskAlreadyTerminal, .webhookAlreadyRevoked, .apiKeyAlreadyRevoked, .uploadsNotPending,
            .requestAlreadyDecided, .taskNotAwaitingApproval, .registryVersionExists:
            409
        case .repositoryNotOnboarded, .repositoryNotFound, .pullRequestNotOpen, .insufficientPermissions,
            .registryResolutionFailed:
            422
        case .rateLimit: 429
        case .internalError: 500
        case .forgeUnreachable, .registryPublishIncomplete: 502
        case .serviceUnavailable, .screeningUnavailable, .screeningDeadline: 503
        case .invalidStepSequence, .tokenMissing, .tokenUnreadable, .runtimeUnavailable, .budgetExhausted: nil
        }
    }
}

/// A refusal for whoever asked: what was attempted, on what, why not, what to do.
package struct TaskRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    package let code: ErrorCode
    package let message: String

    package init(_ code: ErrorCode, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
