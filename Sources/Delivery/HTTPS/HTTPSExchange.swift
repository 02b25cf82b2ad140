// SPDX-License-Identifier: Apache-2.0

/// One request to the server of an ``HTTPSClient``.
package struct HTTPSRequest: Sendable, Equatable {
    package var method: String
    /// Path and query, encoded; begins with "/".
    package var target: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]?

    package init(
        _ method: String, _ target: String, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
    }

    package static func == (a: HTTPSRequest, b: HTTPSRequest) -> Bool {
        a.method == b.method && a.target == b.target && a.body == b.body
            && a.headers.elementsEqual(b.headers) { $0 == $1 }
    }
}

/// What a server answered; every byte of it is the server's own.
package struct HTTPSResponse: Sendable {
    package let status: Int
    private let headers: [(name: String, value: String)]
    package let body: [UInt8]

    init(status: Int, headers: [(name: String, value: String)], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The value of a header that came once; nil when it is missing, or came twice and could mean either.
    package func header(_ name: String) -> String? {
        let found = headers.filter { $0.name == name.lowercased() }
        return found.count == 1 ? found[0].value : nil
    }
}

/// Why there is no answer. Holds nothing of the request.
package struct HTTPSFailure: Error, Sendable, Equatable {
    package enum Kind: Sendable {
        /// The address is not one that is spoken to.
        case address
        case unreachable
        /// Its certificate is not one of those that are trusted, or TLS could not be agreed on.
        case untrusted
        /// It took longer than it may.
        case slow
        /// It went away in the middle.
        case cutShort
        case tooLong
        case malformed
    }

    package let kind: Kind
    package let reason: String
    /// Nothing of the request was sent, so it may be sent again whatever it asks for.
    package let wasNotSent: Bool

    init(_ kind: Kind, _ reason: String, wasNotSent: Bool) {
        self.kind = kind
        self.reason = reason
        self.wasNotSent = wasNotSent
    }
}
