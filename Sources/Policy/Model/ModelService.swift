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
        package var scheme: Scheme
        /// `file:/path`, `env:NAME` or `credential:NAME`.
        package var credential: String
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
            .init("upstream", .string(origin.description)), .init("credential", .string(credential)),
            .init("send", .string(scheme.rawValue)),
        ]
        if let addresses {
            members.append(.init("addresses", .array(addresses.map { .string($0.description) })))
        }
        if let authorities { members.append(.init("ca_file", .string(authorities))) }
        return .object(members)
    }
}
