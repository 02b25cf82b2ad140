// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Policy
internal import Wire

/// What one session's model broker serves: rules, prices, and an upstream with a credential for each API.
final class ModelSite {
    struct Upstream {
        let settings: Transfer.Settings
        let rule: EgressRule
        let known: [IPAddress]?
        let name: HostName?
        let credential: UpstreamCredential
    }

    let policy: ModelPolicy
    let prices: PriceTable
    /// The rules that upstreams' addresses are judged by.
    let egress: EgressPolicy
    private let upstreams: [ModelAPI: Upstream]
    /// Seconds that a client may take nothing.
    let idleSeconds: UInt32

    init(_ configuration: ModelConfiguration, _ secrets: [Secret], _ start: ModelStart) throws {
        let service = configuration.service
        var left = secrets[...]
        var upstreams: [ModelAPI: Upstream] = [:]
        var authorities: [String?: Authorities] = [:]
        for (index, upstream) in service.upstreams.enumerated() {
            guard let api = ModelAPI(rawValue: upstream.api.rawValue) else {
                throw ModelBroker.Unusable(text: "no API has the name \(upstream.api.rawValue)")
            }
            if upstream.origin.isTLS, authorities[upstream.authorities] == nil {
                authorities[upstream.authorities] = try Authorities(upstream.authorities)
            }
            let name: HostName? = if case .name(let name) = upstream.origin.host { name } else { nil }
            upstreams[api] = Upstream(
                settings: Transfer.Settings(
                    origin: upstream.origin, authorities: authorities[upstream.authorities],
                    connectSeconds: start.connectSeconds, idleSeconds: start.idleSeconds),
                rule: configuration.egress.policy.rules[index], known: upstream.origin.fixedAddresses, name: name,
                credential: try UpstreamCredential(
                    upstream.authorization, left.prefix(upstream.authorization.credentials.count)))
            left = left.dropFirst(upstream.authorization.credentials.count)
        }
        guard left.isEmpty else { throw ModelBroker.Unusable(text: "there are more secrets than credentials") }
        self.upstreams = upstreams
        egress = configuration.egress.policy
        idleSeconds = start.idleSeconds
        prices = try PriceTable(
            try Node.read(Array(configuration.prices.utf8), file: configuration.pricesFile))
        policy = try Self.policy(service, Set(upstreams.keys))
    }

    private static func policy(_ service: ModelService, _ apis: Set<ModelAPI>) throws -> ModelPolicy {
        var grants: ModelPolicy.Grants = []
        for grant in service.grants {
            switch grant {
            case .addresses: grants.insert(.addresses)
            case .storedState: grants.insert(.storedState)
            }
        }
        let made = ModelPolicy(
            apis: apis, models: service.models.compactMap { NamePattern($0) },
            maximumOutputTokens: Int(service.outputTokens),
            vendorTools: service.vendorTools.compactMap { NamePattern($0) }, grants: grants,
            vettedKeys: Set(service.bodyKeys), budget: MicroDollars(Int(service.budget)), turns: Int(service.turns))
        guard let made else { throw ModelBroker.Unusable(text: "the model file is outside of what can be served") }
        return made
    }

    subscript(api: ModelAPI) -> Upstream? { upstreams[api] }

    /// In whose form a request is refused that is not known to be of any API.
    func family(of fields: [ModelField]) -> ModelAPI.Family {
        let families = Set(upstreams.keys.map { $0.family })
        if families.count == 1, let only = families.first { return only }
        let isAnthropic = fields.contains { field in
            let name = field.name.lowercased()
            return name == "anthropic-version" || name == "x-api-key"
        }
        return isAnthropic ? .anthropic : .openAI
    }
}
