// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

extension Network {
    /// Rows of section 4.5 about what an allowed name turns out to be.
    @Suite("threats 4.5: resolution")
    struct ResolutionEgressTests {
        /// Addresses that no name may stand for, as the laboratory's name server spells them in a label.
        static let special: [(address: String, hex: String)] = [
            ("169.254.169.254", "a9fea9fe"), ("127.0.0.1", "7f000001"), ("10.20.0.5", "0a140005"),
            ("172.16.0.1", "ac100001"), ("192.168.1.1", "c0a80101"), ("100.64.0.1", "64400001"),
            ("168.63.129.16", "a83f8110"), ("100.100.100.200", "646464c8"), ("0.0.0.0", "00000000"),
            ("224.0.0.1", "e0000001"), ("240.0.0.1", "f0000001"), ("255.255.255.255", "ffffffff"),
            ("198.18.0.1", "c6120001"), ("host", "2d210a02"), ("neighbour", "2d210a01"),
            ("::1", "00000000000000000000000000000001"), ("::ffff:127.0.0.1", "00000000000000000000ffff7f000001"),
            ("64:ff9b::a9fe:a9fe", "0064ff9b0000000000000000a9fea9fe"),
            ("fd00:ec2::254", "fd000ec2000000000000000000000254"), ("fe80::1", "fe800000000000000000000000000001"),
            ("2002:7f00:1::1", "20027f00000100000000000000000001"), ("ff02::1", "ff020000000000000000000000000001"),
            ("host v6", "2a017e00000100000000000000000002"),
            ("host mapped", "00000000000000000000ffff2d210a02"),
            ("neighbour mapped", "00000000000000000000ffff2d210a01"),
            ("host by NAT64", "0064ff9b00000000000000002d210a02"), ("host by 6to4", "20022d210a0200000000000000000001"),
        ]

        @Test("E18: an allowed name that stands for a special address leads nowhere", .requires(NetworkLab.need))
        func e18() throws {
            let script = Self.special.map { "attempt('\($0.address)', get, 'to-\($0.hex).allowed-lab.net')" }
                .joined(separator: "\n")
            let scene = try EgressScene()
            // Which of them answer without a sandbox: without these the refusal below would show nothing.
            let control = try scene.control(script)
            let reached = control.results.filter { $0.value == "200" }.keys
            #expect(reached.count >= 14, "\(control.story)")
            #expect(control.seen.contains { $0.atHost } && control.seen.contains { $0.address == "169.254.169.254" })
            let shut = try scene.attempts(["host: \"*.allowed-lab.net\", ports: [80]"], script)
            #expect(shut.results.count == Self.special.count)
            for (label, result) in shut.results { #expect(result == "403 address_not_public", "\(label): \(result)") }
            #expect(shut.seen.departures.isEmpty && shut.seen.allSatisfy { !$0.atHost }, "\(shut.story)")
            #expect(
                shut.denials.filter { $0.reason == "address_not_public" }.map(\.count).reduce(0, +)
                    == Self.special.count)
        }

        @Test("E18: one special address among good ones is left out", .requires(NetworkLab.need))
        func e18Mixed() throws {
            let scene = try EgressScene()
            let run = try scene.attempts(
                ["host: \"*.allowed-lab.net\", ports: [80]"],
                "attempt('mixed', get, 'to-a9fea9fe-17323c46.allowed-lab.net')")
            run.expect(["mixed": "200"])
            #expect(Set(run.seen.departures.compactMap(\.address)) == ["23.50.60.70"], "\(run.story)")
        }

        @Test("E18: a private address is reached where the rule says so, and no other", .requires(NetworkLab.need))
        func e18Named() throws {
            let script = """
                attempt("named", get, "private.allowed-lab.net")
                attempt("other private", get, "to-0a640005.allowed-lab.net")
                attempt("public", get, "www.allowed-lab.net")
                """
            let scene = try EgressScene()
            let run = try scene.attempts(
                ["host: \"*.allowed-lab.net\", ports: [80], addresses: [10.20.0.0/16]"], script)
            run.expect([
                "named": "200", "other private": "403 address_outside_rule", "public": "403 address_outside_rule",
            ])
            #expect(Set(run.seen.departures.compactMap(\.address)) == ["10.20.0.5"], "\(run.story)")
        }

        @Test(
            "E19: what is dialled is what was looked at, in one resolution for each connection",
            .requires(NetworkLab.need))
        func e19() throws {
            let name = "flip-17323c46-7f000001-\(UInt32.random(in: 0...UInt32.max)).allowed-lab.net"
            let script = """
                for number in range(4):
                    attempt(f"{number}", get, "\(name)")
                """
            let scene = try EgressScene()
            let run = try scene.attempts(["host: \"*.allowed-lab.net\", ports: [80]"], script)
            #expect(run.results["0"] == "200", "\(run.story)")
            for number in 1..<4 { #expect(run.results["\(number)"] == "403 address_not_public", "\(run.story)") }
            let asked = run.seen.of(.dns).filter { $0.recordType == 1 }
            #expect(asked.count == 4, "\(run.story)")
            #expect(run.seen.departures.map(\.address) == ["23.50.60.70"], "\(run.story)")
            #expect(run.seen.allSatisfy { !$0.atHost })
        }

        @Test(
            "E20: an alias is decided by the name that was asked and by the addresses it ends at",
            .requires(NetworkLab.need))
        func e20() throws {
            let script = """
                attempt("public", get, "cname-www--denied-lab--org-x.allowed-lab.net")
                attempt("private", get, "cname-to-7f000001--denied-lab--org-x.allowed-lab.net")
                attempt("target", lookup, "www.denied-lab.org")
                """
            let scene = try EgressScene()
            let run = try scene.attempts(["host: \"*.allowed-lab.net\", ports: [80]"], script)
            run.expect(["public": "200", "private": "403 address_not_public", "target": "EAI_NONAME"])
            #expect(run.seen.departures.map(\.address) == ["23.50.61.80"], "\(run.story)")
            #expect(run.seen.of(.request).map(\.host) == ["cname-www--denied-lab--org-x.allowed-lab.net"])
        }

        @Test(
            "a name without an address, a mute server and an answer of 300 addresses end the connection, not the gateway",
            .requires(NetworkLab.need))
        func faults() throws {
            let script = """
                attempt("nx", get, "nx-1.allowed-lab.net")
                attempt("fail", get, "fail-1.allowed-lab.net")
                attempt("empty", get, "empty-1.allowed-lab.net")
                attempt("huge", get, "huge-1.allowed-lab.net")
                attempt("mute", get, "mute-1.allowed-lab.net")
                attempt("after", get, "www.allowed-lab.net")
                """
            let scene = try EgressScene()
            let run = try scene.attempts(["host: \"*.allowed-lab.net\", ports: [80]"], script)
            for label in ["nx", "fail", "empty", "mute"] {
                #expect(run.results[label]?.hasPrefix("502") == true, "\(label)\n\(run.story)")
            }
            #expect(run.results["huge"] == "200", "\(run.story)")
            #expect(run.results["after"] == "200", "\(run.story)")
        }
    }
}
