// SPDX-License-Identifier: Apache-2.0
import Documents

extension ProfileDocument {
    mutating func decodeEgress(_ section: ProfileField) throws(PolicyError) {
        let fields = try section.fields(known: ["direct_ip", "rules"])
        if let field = fields["direct_ip"] {
            directIP = Sourced(try field.choice(DirectAddress.self), field.node.place)
        }
        egressRules = try fields["rules"]?.list { field throws(PolicyError) in try field.egressRule() }
    }
}

extension ProfileField {
    private static let targets = ["host", "registry", "cidr", "deny"]

    /// The shape of a rule: one target, a reason, ports and TLS mode where they mean something.
    fileprivate func egressRule() throws(PolicyError) -> EgressRule {
        let fields = try fields(known: Self.targets + ["ports", "tls", "reason"])
        guard let reason = fields["reason"] else {
            throw error("has no reason", remedy: "Say in a sentence what the task needs it for.")
        }
        let named = Self.targets.compactMap { fields[$0] }
        guard named.count == 1, let target = named.first else {
            throw error(
                named.isEmpty ? "names nothing" : "names more than one thing",
                remedy: "Write one of host, registry, cidr and deny in each rule.")
        }
        var rule = EgressRule(target: try target.egressTarget(), ports: [], tls: nil, reason: try reason.sentence())
        if let ports = fields["ports"] {
            for port in try ports.elements() { rule.ports.append(try port.port()) }
            guard !rule.ports.isEmpty else {
                throw ports.error("is an empty list, which allows no port", remedy: "Name the ports, or remove it.")
            }
        }
        if let tls = fields["tls"] { rule.tls = try tls.choice(EgressRule.TLS.self) }
        return rule
    }

    private func egressTarget() throws(PolicyError) -> EgressRule.Target {
        switch path.split(separator: ".").last {
        case "host": .host(try hostPattern())
        case "deny": .deny(try hostPattern())
        case "registry": .registry(try registryClient())
        default: .cidr(try addressBlock())
        }
    }

    private func hostPattern() throws(PolicyError) -> String {
        let text = try string()
        let labels = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let names =
            labels.first.map { Array($0) == Array("*".utf8) || Array($0) == Array("**".utf8) } == true
            ? labels.dropFirst() : labels[...]
        let wellFormed = names.allSatisfy { label in
            (1...63).contains(label.count)
                && label.allSatisfy { byte in
                    (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-")
                        || byte == UInt8(ascii: "_")
                }
        }
        guard wellFormed, names.count >= 1, text.utf8.count <= 253 else {
            throw error(
                "is \"\(text)\", which is no host name",
                remedy: "Write it in small letters without a final dot; \"*.\" in front stands for one label.")
        }
        if labels.count != names.count, names.count < 2 {
            throw error(
                "is \"\(text)\", wider than one registrable domain", remedy: "Name the hosts the task needs.")
        }
        return text
    }

    private func registryClient() throws(PolicyError) -> String {
        enum Client: String, CaseIterable { case pip, apt, npm, cargo, go }
        return try choice(Client.self).rawValue
    }

    private func addressBlock() throws(PolicyError) -> String {
        let text = try string()
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let isV6 = text.utf8.contains(UInt8(ascii: ":"))
        let plain = parts[0].allSatisfy { byte in
            (0x30...0x39).contains(byte) || byte == UInt8(ascii: ".")
                || isV6 && (byte == UInt8(ascii: ":") || (0x61...0x66).contains(byte))
        }
        let bits = parts.count == 2 ? Units.count(String(decoding: Array(parts[1]), as: UTF8.self)) : nil
        guard plain, !parts[0].isEmpty, let bits, bits <= (isV6 ? 128 : 32) else {
            throw error("is \"\(text)\", which is no address block", remedy: "Write it like 203.0.113.0/24.")
        }
        return text
    }

    private func port() throws(PolicyError) -> Int {
        let text = try word()
        guard let number = Units.count(text), (1...65_535).contains(number) else {
            throw error("is \"\(text)\"", remedy: "Write a port number from 1 to 65535.")
        }
        return Int(number)
    }
}
