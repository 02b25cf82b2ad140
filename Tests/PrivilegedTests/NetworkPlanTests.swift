// SPDX-License-Identifier: Apache-2.0
import Isolation
import LinuxSystem
import TestSupport
import Testing

@Suite("network plan")
struct NetworkPlanTests {
    private func plan(_ ports: [UInt16], transparent: Bool = false) throws(SystemError) -> NetworkPlan {
        try NetworkPlan(ports: ports, ipv6: true, transparent: transparent, tap: true)
    }

    @Test("names every socket once, ports in order, both families")
    func roles() throws {
        let plan = try plan([443, 80, 443])
        #expect(plan.ports == [80, 443])
        #expect(
            plan.roles == [
                .dnsUDP(.v4), .dnsUDP(.v6), .dnsTCP(.v4), .dnsTCP(.v6), .listener(port: 80, .v4),
                .listener(port: 80, .v6), .listener(port: 443, .v4), .listener(port: 443, .v6), .tap, .diagnostics,
            ])
        #expect(Set(plan.roles.map(\.description)).count == plan.roles.count)
    }

    @Test("refuses ports that cannot have a listener of their own", arguments: [0, 53] as [UInt16])
    func refused(_ port: UInt16) {
        let error = #expect(throws: SystemError.self) { try plan([80, port]) }
        #expect(error?.errno == .invalid && error?.subject == "port \(port) of a session")
    }

    @Test("refuses more ports than one message carries, and the port of the one listener beside it")
    func bounds() throws {
        let most = (1...UInt16(NetworkPlan.maximumPorts)).map { $0 + 100 }
        #expect(try plan(most).roles.count == 6 + 2 * NetworkPlan.maximumPorts)
        let error = #expect(throws: SystemError.self) { try plan(most + [443]) }
        #expect(error?.errno.description == "E2BIG")
        #expect(try plan([1]).ports == [1])
        #expect(throws: SystemError.self) { try plan([1], transparent: true) }
    }

    @Test(
        "knows from kernel files whether a new namespace has IPv6",
        arguments: [
            (["proc/net/if_inet6": "", "sys/module/ipv6/parameters/disable_ipv6": "0\n"], nil),
            (["proc/net/if_inet6": ""], nil),
            (
                ["proc/net/if_inet6": "", "sys/module/ipv6/parameters/disable_ipv6": "1\n"],
                "the kernel was started with ipv6.disable_ipv6=1"
            ),
            ([:], "the kernel has no IPv6, or was started with ipv6.disable=1"),
        ] as [([String: String], String?)])
    func families(_ files: [String: String], _ reason: String?) throws {
        let root = try Scratch()
        for name in ["proc", "proc/net", "sys", "sys/module", "sys/module/ipv6", "sys/module/ipv6/parameters"] {
            try root.directory(name)
        }
        for (name, text) in files { try root.file(name, text) }
        let expected = reason.map { IPv6Availability.off($0) } ?? .on
        #expect(try IPv6Availability.ofNewNamespaces(root: root.path) == expected)
    }
}
