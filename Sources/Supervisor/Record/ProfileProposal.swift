// SPDX-License-Identifier: Apache-2.0
internal import Policy

/// The smallest profile that would have let an observed session reach what it reached.
///
/// Exact hosts and ports only, with the mode that was spoken, and no reason: those are for somebody to fill in. What
/// the session was refused is told in comments, since whether it should be allowed is not for a run to decide.
package struct ProfileProposal: Sendable {
    private let use: ObservedUse
    private let run: ObservedRun

    package init(_ use: ObservedUse, of run: ObservedRun) {
        self.use = use
        self.run = run
    }

    /// The proposal as a profile's text.
    package var text: String {
        var lines = [
            "# What \(Self.comment(run.command)) used in session \(run.session), observed and not judged.",
            "# Strike out what it should not have, and fill in a reason for everything that stays.", "version: 1",
            "extends: [\(run.base)]", "reason: \"\(Profile.unfilled): what runs under this profile\"",
        ]
        let hosts = use.hosts.sorted { $0.key < $1.key }
        if !hosts.isEmpty { lines += ["egress:", "  rules:"] }
        for (name, host) in hosts { lines += Self.rules(name, host) }
        lines += notes
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: Rules

    private static func rules(_ name: String, _ host: ObservedUse.Host) -> [String] {
        if host.isAddress {
            let length = name.contains(":") ? 128 : 32
            return rule("cidr: \"\(name)/\(length)\"", host.ports.keys.sorted(), nil, host)
        }
        var tls: [UInt16] = []
        var plain: [UInt16] = []
        var raw: [UInt16] = []
        for port in host.ports.keys.sorted() {
            switch mode(port, host.ports[port]?.spoken ?? []) {
            case .tls: tls.append(port)
            case .http: plain.append(port)
            case .raw: raw.append(port)
            }
        }
        // Port 80 is plain HTTP beside TLS, so that most hosts are one rule.
        if plain.contains(80), !tls.isEmpty {
            plain.removeAll { $0 == 80 }
            tls.append(80)
        }
        let target = "host: \"\(name)\""
        var lines: [String] = []
        if !tls.isEmpty {
            lines += rule(target, tls.sorted(), tls.allSatisfy { $0 == 443 || $0 == 80 } ? nil : "sni", host)
        }
        if !plain.isEmpty { lines += rule(target, plain, plain == [80] ? nil : "none", host) }
        if !raw.isEmpty { lines += rule(target, raw, "raw", host) }
        return lines
    }

    /// How a rule would have to treat a port. A client that said nothing is taken for what the port is known for.
    private static func mode(_ port: UInt16, _ spoken: Set<String>) -> EgressRule.Mode {
        switch spoken {
        case ["tls"] where port != 80: .tls
        case ["http"]: .http
        case [] where port == 443: .tls
        case [] where port == 80: .http
        default: .raw
        }
    }

    private static func rule(_ target: String, _ ports: [UInt16], _ tls: String?, _ host: ObservedUse.Host) -> [String]
    {
        let used = ports.compactMap { host.ports[$0] }
        let connections = used.reduce(0) { $0 + $1.connections }
        let programs = host.programs.isEmpty ? "a program" : host.programs.sorted().joined(separator: ", ")
        let up = used.reduce(0) { $0 + $1.bytesUp }
        let down = used.reduce(0) { $0 + $1.bytesDown }
        var lines = [
            "    # \(up) bytes up, \(down) bytes down", "    - \(target)",
            "      ports: [\(ports.map { String($0) }.joined(separator: ", "))]",
        ]
        if let tls { lines.append("      tls: \(tls)") }
        let times = connections == 1 ? "1 connection" : "\(connections) connections"
        lines.append("      reason: \"\(Profile.unfilled): \(times) by \(programs)\"")
        return lines
    }

    // MARK: Notes

    private var notes: [String] {
        var lines: [String] = []
        func list(_ head: String, _ items: [String]) {
            guard !items.isEmpty else { return }
            lines += ["", "# \(head)"] + items.map { "#   \($0)" }
        }
        list("Looked up and never connected to, so not proposed:", use.onlyAsked.sorted())
        list("Refused all the same:", use.refused.sorted { $0.key < $1.key }.map { "\($0.key), \($0.value)x" })
        list(
            "System calls that were refused:",
            run.refusals.map { refusal in
                let group = refusal.group.map { "\"\($0)\" under syscalls.allow_groups has it" } ?? "no group has it"
                return "\(refusal.syscall), \(refusal.count)x (\(group))"
            })
        list("Limits that were reached:", run.limitsHit)
        if let entries = run.keptEntries {
            list(
                "The workspace:",
                [
                    entries == 0
                        ? "nothing in it was changed; \"filesystem: {workspace: read-only}\" would do"
                        : "\(entries) entries of it were changed"
                ])
        }
        return lines
    }

    private static func comment(_ text: String) -> String {
        let kept = text.unicodeScalars.prefix(120).map { $0.value >= 0x20 && $0.value < 0x7F ? Character($0) : "?" }
        return "\"\(String(kept))\""
    }
}
