// SPDX-License-Identifier: Apache-2.0
internal import Isolation
internal import LinuxSystem
internal import Policy

extension Doctor {
    /// What a session that may reach something has inside.
    func network() -> [HostCheck] {
        let availability: IPv6Availability
        do throws(SystemError) { availability = try IPv6Availability.ofNewNamespaces() } catch {
            return [HostCheck("ipv6-inside", .missing, error.explanationLine, remedy: error.remedy, isRequired: false)]
        }
        return [inside(availability), transparentProxy(ipv6: availability == .on)]
    }

    private func inside(_ availability: IPv6Availability) -> HostCheck {
        switch availability {
        case .on:
            HostCheck("ipv6-inside", .ok, "a session's network has both families", isRequired: false)
        case .off(let reason):
            HostCheck(
                "ipv6-inside", .missing, "a session's network has IPv4 only: \(reason)",
                remedy: "Nothing is lost: names answer with IPv4 addresses then.", isRequired: false)
        }
    }

    private func transparentProxy(ipv6: Bool) -> HostCheck {
        let layer = "transparent-proxy"
        let isRequired = profile.egress.needsAnyPort
        let program: Descriptor
        do { program = try programs.opened("sp-init") } catch {
            return HostCheck(
                layer, .missing, "not tried: \(error.explanationLine)", remedy: error.remedy, isRequired: isRequired)
        }
        let support: TransparentProxy.Support
        do { support = try TransparentProxy.probe(ipv6: ipv6, program: program) } catch {
            return HostCheck(
                layer, .missing, "not tried: \(error.step): \(error.errno.explanation) (\(error.errno))",
                remedy: error.remedy ?? "Settle the row user-namespaces first.", isRequired: isRequired)
        }
        guard case .absent(let errno) = support else {
            return HostCheck(layer, .ok, "the kernel took the rules of a session", isRequired: isRequired)
        }
        return HostCheck(
            layer, .missing, "the kernel took no such rules: \(errno.explanation) (\(errno))",
            remedy: "Load the module (modprobe nft_tproxy), or name ports below 1024 in egress rules.",
            isRequired: isRequired)
    }
}
