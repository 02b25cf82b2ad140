// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
internal import Policy

/// Which of the addresses that a name resolved to may be dialled: by the rule, and by the host's own routing.
struct AddressJudge {
    enum Outcome {
        /// In the order in which they came.
        case passed([IPAddress])
        case refused(Denial, IPAddress)
        /// The host has no route to any of them.
        case unreachable
    }

    let policy: EgressPolicy
    let rule: EgressRule
    let routes: HostRoutes
    /// Nanoseconds of the loop's clock.
    let now: UInt64

    /// One bad answer among good ones is left out; a client outside would not dial it either.
    func judge(_ addresses: [IPAddress]) -> Outcome {
        var refused: (Denial, IPAddress)?
        var passed: [IPAddress] = []
        for address in addresses {
            switch verdict(on: address) {
            case .allowed: passed.append(address)
            case .refused(let denial): refused = refused ?? (denial, address)
            case nil: break
            }
        }
        guard passed.isEmpty else { return .passed(passed) }
        return refused.map { .refused($0.0, $0.1) } ?? .unreachable
    }

    /// Nil when the host has no route there.
    private func verdict(on address: IPAddress) -> AddressVerdict? {
        let byRule = policy.vet(address, for: rule)
        guard case .allowed(let named) = byRule else { return byRule }
        let route: HostRoutes.Verdict
        do throws(SystemError) { route = try routes.verdict(on: address, now: now) } catch {
            return .refused(
                Denial(
                    .addressNotPublic, rule: rule, "the host's routing could not be asked about \(address)",
                    remedy: "See the gateway's netlink socket: \(error.errno)."))
        }
        switch route {
        case .outward: return byRule
        case .unreachable: return nil
        case .own, .onLink:
            // An address that the rule names by itself is wanted, wherever it lies.
            if named { return byRule }
            let what = route == .own ? "the host's own" : "on a network that the host is attached to"
            return .refused(
                Denial(
                    .addressNotPublic, rule: rule, "\(address) is \(what), and \"\(rule.subject)\" does not name it",
                    remedy: "If the host belongs there, add its block to the addresses of that rule (\(rule.origin))."))
        }
    }
}
