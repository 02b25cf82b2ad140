// SPDX-License-Identifier: Apache-2.0
package import Documents

/// Why a request for a package is not answered with one, and what to do instead.
package struct PackageRefusal: Error, Equatable, Sendable {
    package enum Code: String, Sendable {
        case malformed = "malformed_request"
        case otherHost = "other_host"
        /// Anything that does not read: an index is written to by nobody.
        case method = "method_refused"
        case route = "unknown_route"
        case name = "no_package_name"
        /// No index of the session has this name.
        case unowned = "package_not_served"
        /// Its index does not list it, or not to this session.
        case file = "file_not_listed"
        case upstream = "index_failed"
        case tooSlow = "too_slow"
    }

    package let status: HTTPStatus
    package let code: Code
    package let reason: String
    package let remedy: String

    package init(_ status: HTTPStatus, _ code: Code, _ reason: String, remedy: String) {
        self.status = status
        self.code = code
        self.reason = reason
        self.remedy = remedy
    }

    package var json: JSON {
        ["reason": .string(code.rawValue), "detail": .string(reason), "remedy": .string(remedy)]
    }

    package var bytes: [UInt8] {
        HTTPResponse.whole(status, type: "application/json", body: JSONWriter().write(json) + [0x0A])
    }
}
