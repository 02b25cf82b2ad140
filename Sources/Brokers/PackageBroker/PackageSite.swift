// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
internal import Policy
internal import Wire

/// The indexes of one session: who has which name, and how each of their hosts is reached.
struct PackageSite {
    /// One host that an index may be asked at.
    struct Host {
        let settings: Transfer.Settings
        let rule: EgressRule
        let known: [IPAddress]?
        let name: HostName?
        /// The whole field, with a zero behind it; nil for a host that gets none.
        let credential: Secret?
    }

    struct Index {
        let name: String
        let upstream: ModelOrigin
        /// Of the session's view of a page.
        let rules: SimplePage.Rules
        let hosts: [ModelOrigin: Host]
        /// What must be in no answer, in either form in which it may be sent.
        let secrets: [Secret]
    }

    private let service: PackageService
    let egress: EgressPolicy
    let indexes: [Index]
    /// Seconds that a client may take nothing.
    let idleSeconds: UInt32

    init(_ configuration: PackageConfiguration, _ secrets: [Secret], _ start: PackageStart) throws {
        service = configuration.service
        egress = configuration.egress.policy
        idleSeconds = start.idleSeconds
        var left = secrets[...]
        var rules = configuration.egress.policy.rules[...]
        var authorities: [String?: Authorities] = [:]
        var indexes: [Index] = []
        for index in service.indexes {
            var secret: Secret?
            if index.credential != nil {
                guard let next = left.popFirst() else {
                    throw ModelBroker.Unusable(text: "there are fewer secrets than credentials")
                }
                secret = next
            }
            let line = secret.map { PackageCredential.line(index.scheme, $0) }
            var hosts: [ModelOrigin: Host] = [:]
            for (number, origin) in index.origins.enumerated() {
                guard let rule = rules.popFirst() else {
                    throw ModelBroker.Unusable(text: "there are fewer rules than hosts")
                }
                if origin.isTLS, authorities[index.authorities] == nil {
                    authorities[index.authorities] = try Authorities(index.authorities)
                }
                let name: HostName? = if case .name(let name) = origin.host { name } else { nil }
                // The index's own host is the first, and stays what it is where it is named again.
                guard hosts[origin.root] == nil else { continue }
                hosts[origin.root] = Host(
                    settings: Transfer.Settings(
                        origin: origin.root, authorities: authorities[index.authorities],
                        connectSeconds: start.connectSeconds, idleSeconds: start.idleSeconds),
                    rule: rule, known: origin.fixedAddresses, name: name, credential: number == 0 ? line : nil)
            }
            indexes.append(
                Index(
                    name: index.name, upstream: index.upstream,
                    rules: SimplePage.Rules(
                        origins: index.origins, minimumAgeDays: index.minimumAgeDays, wheelsOnly: index.wheelsOnly),
                    hosts: hosts, secrets: secret.map { [$0, PackageCredential.base64($0)] } ?? []))
        }
        guard left.isEmpty else { throw ModelBroker.Unusable(text: "there are more secrets than credentials") }
        self.indexes = indexes
    }

    /// The only index that may be asked for a name.
    func owner(of name: PackageName) -> Index? { service.owner(of: name).map { indexes[$0] } }
}

/// How an index knows the operator.
enum PackageCredential {
    static func line(_ scheme: PackageService.Scheme, _ secret: Secret) -> Secret {
        let end = Secret(room: 1)
        switch scheme {
        case .bearer: return Secret(joining: [Secret(copying: Array("Authorization: Bearer ".utf8)), secret, end])
        case .basic:
            return Secret(joining: [Secret(copying: Array("Authorization: Basic ".utf8)), base64(secret), end])
        }
    }

    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// RFC 4648 4, without a copy that is not overwritten.
    static func base64(_ secret: Secret) -> Secret {
        let made = Secret(room: (secret.count + 2) / 3 * 4)
        secret.withBytes { bytes in
            made.withMutableBytes { output in
                for group in stride(from: 0, to: bytes.count, by: 3) {
                    let there = min(3, bytes.count - group)
                    var bits = UInt32(0)
                    for place in 0..<3 {
                        bits = bits << 8 | (place < there ? UInt32(bytes[group + place]) : 0)
                    }
                    for place in 0..<4 {
                        let letter = letters[Int(bits >> UInt32(18 - 6 * place)) & 63]
                        output[group / 3 * 4 + place] = place <= there ? letter : UInt8(ascii: "=")
                    }
                }
            }
        }
        return made
    }
}
