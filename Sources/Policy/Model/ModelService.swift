// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What a session may ask of models, of which upstream and for how much: the file that `sallyport run --model` takes.
///
///     version: 1
///     apis:
///       anthropic-messages: {upstream: https://models.example.com, credential: file:/etc/sallyport/model-key}
///     models: [small-1, large-*]
///     budget_usd: 5.00
///
/// It names the credential and never holds it.
package struct ModelService: Sendable, Hashable {
    /// A shape of requests, with one upstream and one credential.
    package enum API: String, Sendable, Hashable, CaseIterable {
        case anthropicMessages = "anthropic-messages"
        case openAIChat = "openai-chat"
        case openAIResponses = "openai-responses"
        case bedrock
        case gemini

        /// How its vendor takes a key.
        var scheme: Scheme {
            switch self {
            case .anthropicMessages: .key
            case .openAIChat, .openAIResponses, .bedrock: .bearer
            case .gemini: .googleKey
            }
        }
    }

    /// The field that the credential is sent in.
    package enum Scheme: String, Sendable, Hashable, CaseIterable {
        case key = "x-api-key"
        case googleKey = "x-goog-api-key"
        case bearer
    }

    /// What AWS asks for in place of a key that is sent: each request is signed, and the secret stays here.
    package struct Signature: Sendable, Hashable {
        package var region: String
        package var accessKey: String
        package var secretKey: String
        /// Of credentials that end.
        package var sessionToken: String?

        package init(region: String, accessKey: String, secretKey: String, sessionToken: String?) {
            self.region = region
            self.accessKey = accessKey
            self.secretKey = secretKey
            self.sessionToken = sessionToken
        }
    }

    /// How an upstream knows the operator. Each credential is `file:/path`, `env:NAME` or `credential:NAME`.
    package enum Authorization: Sendable, Hashable {
        case field(Scheme, credential: String)
        case signature(Signature)

        /// Where the secrets lie, in the order in which they are handed on.
        package var credentials: [String] {
            switch self {
            case .field(_, let credential): [credential]
            case .signature(let signature):
                [signature.accessKey, signature.secretKey] + (signature.sessionToken.map { [$0] } ?? [])
            }
        }
    }

    /// What reaches beyond one request; each of them off unless the file says so.
    package enum Grant: String, Sendable, Hashable, CaseIterable {
        /// Addresses in content that the vendor would fetch.
        case addresses
        /// What the vendor keeps between requests.
        case storedState = "stored_state"
    }

    package struct Upstream: Sendable, Hashable {
        package var api: API
        package var origin: ModelOrigin
        package var authorization: Authorization
        /// The real addresses it may have; nil for public ones.
        package var addresses: [AddressBlock]?
        /// A file of certificates that stands in for the host's own.
        package var authorities: String?
    }

    package var upstreams: [Upstream]
    /// Names, or beginnings of names that end in "*".
    package var models: [String]
    /// Micro-dollars.
    package var budget: UInt64
    /// Requests to a model.
    package var turns: UInt64 = 100
    /// The most that one answer may be asked to have.
    package var outputTokens: UInt64 = 32_000
    /// Types of tools that run at the vendor, which can reach what the session cannot.
    package var vendorTools: [String] = []
    package var grants: [Grant] = []
    /// Keys of a request's body that the operator has looked at, beyond those that are known.
    package var bodyKeys: [String] = []
    /// A table of prices that stands in for the installed one.
    package var prices: String?

    package static let budgets: ClosedRange<UInt64> = 10_000...100_000_000
    package static let turnCounts: ClosedRange<UInt64> = 1...500
    package static let outputBounds: ClosedRange<UInt64> = 1...1_000_000
    package static let mostNames = 256
    package static let longestName = 200

    package init(upstreams: [Upstream], models: [String], budget: UInt64) {
        self.upstreams = upstreams
        self.models = models
        self.budget = budget
    }

    package subscript(api: API) -> Upstream? { upstreams.first { $0.api == api } }

    /// The rules by which upstreams' addresses are judged, in the order of ``upstreams``.
    package var policy: EgressPolicy {
        EgressPolicy(directIP: .explain, rules: upstreams.map { $0.origin.rule(addresses: $0.addresses) })
    }

    /// The document of this value, which ``init(_:file:)`` reads.
    package var json: JSON {
        func list(_ names: [String]) -> JSON { .array(names.map { .string($0) }) }
        var members: [JSON.Member] = [
            .init("version", 1), .init("apis", .object(upstreams.map { .init($0.api.rawValue, $0.json) })),
            .init("models", list(models)), .init("budget_usd", .string(Money.text(budget))),
            .init("turns", .number(turns)), .init("max_output_tokens", .number(outputTokens)),
            .init("vendor_tools", list(vendorTools)), .init("grants", list(grants.map { $0.rawValue })),
            .init("body_keys", list(bodyKeys)),
        ]
        if let prices { members.append(.init("prices", .string(prices))) }
        return .object(members)
    }
}

extension ModelService.Upstream {
    fileprivate var json: JSON {
        var members: [JSON.Member] = [
            .init("upstream", .string(origin.description))
        ]
        switch authorization {
        case .field(let scheme, let credential):
            members += [.init("credential", .string(credential)), .init("send", .string(scheme.rawValue))]
        case .signature(let signature):
            var names: [JSON.Member] = [
                .init("region", .string(signature.region)), .init("access_key_id", .string(signature.accessKey)),
                .init("secret_access_key", .string(signature.secretKey)),
            ]
            if let token = signature.sessionToken { names.append(.init("session_token", .string(token))) }
            members.append(.init("sigv4", .object(names)))
        }
        if let addresses {
            members.append(.init("addresses", .array(addresses.map { .string($0.description) })))
        }
        if let authorities { members.append(.init("ca_file", .string(authorities))) }
        return .object(members)
    }
}
