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
        /// The field as it is sent, with a zero behind it.
        let field: Secret
        /// The credential itself, for the sieve.
        let secret: Secret
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
        guard secrets.count == service.upstreams.count else {
            throw ModelBroker.Unusable(text: "there is not one secret for each upstream")
        }
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
                field: Self.field(upstream.scheme, secrets[index]), secret: secrets[index])
        }
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

    private static func field(_ scheme: ModelService.Scheme, _ secret: Secret) -> Secret {
        let name =
            switch scheme {
            case .key, .googleKey: "\(scheme.rawValue): "
            case .bearer: "Authorization: Bearer "
            }
        let head = Array(name.utf8)
        let whole = Secret(room: head.count + secret.count + 1)
        whole.withMutableBytes { target in
            target.copyBytes(from: head)
            secret.withBytes { own in for index in 0..<own.count { target[head.count + index] = own[index] } }
        }
        return whole
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
