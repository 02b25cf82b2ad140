// SPDX-License-Identifier: Apache-2.0
package import Documents

/// Why a request to a forge is not answered, in the form in which GitHub says such things, and what to do instead.
package struct ForgeRefusal: Error, Equatable, Sendable {
    package enum Code: String, Sendable {
        case otherHost = "OTHER_HOST"
        case malformed = "MALFORMED"
        case unknownRoute = "UNKNOWN_ROUTE"
        case method = "METHOD_REFUSED"
        case otherRepository = "OTHER_REPOSITORY"
        /// An issue, a pull request or a file list that is no part of this task.
        case notInTask = "NOT_IN_TASK"
        case merge = "MERGE_REFUSED"
        /// References, branches and their rules are git's and the host's.
        case reference = "PROTECTED_REF"
        case graph = "GRAPHQL_REFUSED"
        /// Nothing of that kind may be proposed by this task.
        case notAllowed = "NOT_ALLOWED"
        case invalid = "FORGE_INVALID"
        case tooLarge = "TOO_LARGE"
        case tooMany = "TOO_MANY"
        case tooSlow = "TOO_SLOW"
    }

    package let status: HTTPStatus
    package let code: Code
    package let reason: String
    package let remedy: String
    /// The member of a body that is not as it must be.
    package var field: String?

    package init(_ status: HTTPStatus, _ code: Code, _ reason: String, remedy: String, field: String? = nil) {
        self.status = status
        self.code = code
        self.reason = reason
        self.remedy = remedy
        self.field = field
    }

    /// - SeeAlso: GitHub REST documentation, "Troubleshooting the REST API", "Validation Failed".
    package var json: JSON {
        let errors = field.map {
            [
                JSON.Member(
                    "errors",
                    [["resource": "Proposal", "field": .string($0), "code": "invalid", "message": .string(reason)]])
            ]
        }
        return .object(
            [.init("message", .string("\(reason). \(remedy)"))] + (errors ?? []) + [
                .init("documentation_url", .string("http://\(ForgeSite.host)/")),
                .init("status", .string("\(status.rawValue)")), .init("code", .string(code.rawValue)),
            ])
    }

    static func invalid(_ field: String, _ reason: String, remedy: String = "See GET http://forge.internal/.")
        -> ForgeRefusal
    {
        ForgeRefusal(.unprocessable, .invalid, "\"\(field)\" \(reason)", remedy: remedy, field: field)
    }
}
