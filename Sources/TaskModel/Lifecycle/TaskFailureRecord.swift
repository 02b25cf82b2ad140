// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What kind of thing went wrong with a task, so that a reader knows whose turn it is.
package enum FailureCategory: String, Sendable, CaseIterable {
    case auth, network, concurrency, compute, agent, guardrail, config, timeout, blocked, budget, dependency, unknown
}

/// Who can do something about a failure.
package enum FailureClass: String, Sendable, CaseIterable {
    /// The same task may succeed later.
    case transient
    /// The operator of this host.
    case service
    /// Whoever asked.
    case user
}

/// Why a task failed, as the record keeps it.
package struct TaskFailureRecord: Sendable, Hashable {
    package let category: FailureCategory
    package let errorClass: FailureClass
    package let code: ErrorCode?
    /// A full sentence or two: what was attempted, on what, why it failed, what to do.
    package let message: String

    package init(_ category: FailureCategory, _ errorClass: FailureClass, code: ErrorCode? = nil, _ message: String) {
        self.category = category
        self.errorClass = errorClass
        self.code = code
        self.message = message
    }

    package var isRetryable: Bool { errorClass == .transient }

    package var json: JSON {
        [
            "category": .string(category.rawValue), "class": .string(errorClass.rawValue),
            "retryable": .bool(isRetryable), "code": .optional(code?.rawValue), "message": .string(message),
        ]
    }

    /// Nil for what ``json`` did not write.
    package init?(json: JSON) {
        guard let category = json["category"]?.stringValue.flatMap(FailureCategory.init(rawValue:)),
            let errorClass = json["class"]?.stringValue.flatMap(FailureClass.init(rawValue:)),
            let message = json["message"]?.stringValue
        else { return nil }
        var code: ErrorCode?
        if let word = json["code"]?.stringValue {
            guard let known = ErrorCode(rawValue: word) else { return nil }
            code = known
        }
        self.init(category, errorClass, code: code, message)
    }
}
