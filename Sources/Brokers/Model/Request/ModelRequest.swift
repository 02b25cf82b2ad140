// SPDX-License-Identifier: Apache-2.0
package import Egress

/// A field of a head.
package struct ModelField: Sendable, Hashable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// A request as a sandbox sent it, its body taken out of framing and compression.
package struct ModelRequest: Sendable {
    package var method: String
    package var target: String
    package var fields: [ModelField]
    package var body: [UInt8]

    package init(method: String, target: String, fields: [ModelField] = [], body: [UInt8] = []) {
        self.method = method
        self.target = target
        self.fields = fields
        self.body = body
    }

    package init(_ head: RequestHead, body: [UInt8]) {
        self.init(
            method: head.method, target: head.target, fields: head.fields.map { ModelField($0.name, $0.value) },
            body: body)
    }
}

/// A request that may go to the vendor, as it goes: what is not here is not sent.
package struct AdmittedRequest: Sendable, Equatable {
    package let route: ModelRoute
    /// What was asked for; nil for a list of models.
    package let model: String?
    /// The answer comes in pieces: events, or frames for Bedrock.
    package let isStreaming: Bool
    /// Fields to send, beside the credential, Host and the length.
    package let fields: [ModelField]
    package let body: [UInt8]
    /// The request may write to a cache that lasts an hour.
    package let mayCacheLong: Bool
    /// What was put into the body, in words for the ledger; empty when it is the client's own to the byte.
    package let changes: [String]
    /// Of this model; nil for what costs nothing.
    package let prices: ModelPrices?
    /// What is charged when the vendor does not say believably what was used.
    package let estimate: MicroDollars
    /// What the answer can cost at most by the bytes of the request: held while it runs.
    package let ceiling: MicroDollars

    package var method: String { route.method }
    package var path: String { route.path }
}
