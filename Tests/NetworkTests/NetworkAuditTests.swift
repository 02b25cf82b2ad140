// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

extension Network {
    @Suite("network audit")
    struct NetworkAuditTests {
        @Test("so many denials give so many records, each with its rule, origin and remedy", .requires(NetworkLab.need))
        func counts() throws {
            let script = """
                for number in range(7): attempt(f"name {number}", lookup, "one.denied-lab.org")
                for number in range(5): attempt(f"different {number}", lookup, f"n{number}.denied-lab.org")
                for number in range(4): attempt(f"rule {number}", lookup, "secret.allowed-lab.net")
                for number in range(6): attempt(f"address {number}", get, "1.1.1.1")
                for number in range(3): attempt(f"port {number}", tcp, "www.allowed-lab.net", 22)
                for number in range(2): attempt(f"tls {number}", tls, "www.allowed-lab.net", name="www.denied-lab.org")
                for number in range(8): attempt(f"private {number}", get, "to-0a000001.allowed-lab.net")
                """
            let scene = try EgressScene()
            let run = try scene.attempts(
                ["host: \"*.allowed-lab.net\", ports: [80, 443]", "deny: secret.allowed-lab.net"], script)
            #expect(run.results.count == 35, "\(run.story)")
            func sum(_ matching: (AuditLine) -> Bool) -> Int { run.denials.filter(matching).map(\.count).reduce(0, +) }
            // getaddrinfo asks for A and AAAA: two questions, two decisions.
            #expect(sum { $0.name == "one.denied-lab.org" } == 14, "\(run.story)")
            for number in 0..<5 { #expect(sum { $0.name == "n\(number).denied-lab.org" } == 2, "\(run.story)") }
            #expect(sum { $0.reason == "deny_rule" } == 8, "\(run.story)")
            #expect(sum { $0.reason == "direct_ip" } == 6, "\(run.story)")
            #expect(sum { $0.port == 22 } == 6 || sum { $0.port == 22 } == 3, "\(run.story)")
            #expect(sum { $0.event == "tcp.deny" && $0.name == "www.allowed-lab.net" } == 2, "\(run.story)")
            #expect(sum { $0.reason == "address_not_public" } == 8, "\(run.story)")
            for denial in run.denials {
                #expect(denial.remedy?.isEmpty == false, "\(denial.text)")
                #expect(denial.count > 0, "\(denial.text)")
                #expect(
                    denial.json["version"]?.intValue == 1 && denial.json["id"] != nil && denial.json["time_ms"] != nil)
            }
            let byRule = run.denials.filter { $0.reason == "deny_rule" || $0.reason == "address_not_public" }
            #expect(!byRule.isEmpty)
            for denial in byRule {
                let place = denial.ruleOrigin ?? ""
                #expect(
                    place.contains(".yaml:") && denial.json["rule"]?["reason"]?.stringValue == "the test needs it",
                    "\(denial.text)")
            }
            #expect(run.audit.allSatisfy { $0.json["id"]?.stringValue?.hasPrefix(run.outcome.session ?? "?") == true })
        }

        @Test(
            "an allowed connection that nobody outside takes is counted and named, and is no denial",
            .requires(NetworkLab.need))
        func failures() throws {
            let scene = try EgressScene()
            let run = try scene.attempts(
                [webRule, "host: www.allowed-lab.net, ports: [8081], tls: none"],
                """
                attempt("open", get, "www.allowed-lab.net")
                for number in range(3): attempt(f"shut {number}", get, "www.allowed-lab.net", 8081)
                """)
            let egress = try #require(run.outcome.result?["egress"], "\(run.story)")
            #expect(egress["failed"]?.intValue == 3 && egress["denied"]?.intValue == 0, "\(run.story)")
            #expect(egress["failures"]?.arrayValue?.count == 1, "\(run.story)")
            let failure = try #require(egress["failures"]?.arrayValue?.first, "\(run.story)")
            #expect(failure["subject"] == "www.allowed-lab.net" && failure["port"] == 8081 && failure["count"] == 3)
            #expect(failure["reason"] == "connection_refused", "\(run.story)")
            let why = "sallyport why \(run.outcome.session ?? "")-\(failure["event"]?.intValue ?? 0)"
            #expect(
                run.outcome.errorText.contains("3 allowed connections found nobody outside:")
                    && run.outcome.errorText.contains("3x www.allowed-lab.net port 8081: connection_refused   " + why),
                "\(run.outcome.errorText)")
            // Control: what was answered is none.
            #expect(run.audit.contains { $0.event == "tcp.allow" }, "\(run.story)")
        }

        @Test("every recorded denial is explained by its event", .requires(NetworkLab.need))
        func why() throws {
            let scene = try EgressScene()
            let run = try scene.attempts(
                [webRule, "deny: secret.allowed-lab.net"],
                """
                attempt("name", lookup, "one.denied-lab.org")
                attempt("rule", lookup, "secret.allowed-lab.net")
                attempt("address", get, "1.1.1.1")
                attempt("port", tcp, "www.allowed-lab.net", 22)
                """)
            #expect(run.denials.count >= 4, "\(run.story)")
            for denial in run.denials {
                let id = try #require(denial.json["id"]?.stringValue)
                let why = try scene.sallyport.command(["why", id]).run()
                #expect(why.code == 0, "\(why.errorText)")
                let subject = denial.name ?? denial.asked ?? "?"
                #expect(why.text.contains(subject), "\(why.text) for \(denial.text)")
                if let remedy = denial.remedy { #expect(why.text.contains(remedy), "\(why.text) for \(denial.text)") }
            }
            let unknown = try scene.sallyport.command(["why", "\(run.outcome.session ?? "")-99999"]).run()
            #expect(unknown.code != 0 && unknown.text.isEmpty, "\(unknown.text)")
        }

        @Test(
            "a record names the process that tried, and what the process says of itself as claimed",
            .requires(NetworkLab.need))
        func process() throws {
            let scene = try EgressScene()
            let run = try scene.run([webRule], ["/usr/bin/curl", "-sS", "http://1.1.1.1/"])
            let denial = try #require(run.denials.first { $0.reason == "direct_ip" }, "\(run.story)")
            let process = try #require(denial.json["process"], "\(run.story)")
            #expect(process["claimed"]?["name"]?.stringValue == "curl", "\(run.story)")
            #expect(process["executable"]?["inode"]?.intValue ?? 0 > 0, "\(run.story)")
            #expect(process["pid"]?.intValue ?? 0 > 0, "\(run.story)")
        }

        @Test("what the sandbox sends stays one text in one line", .requires(NetworkLab.need))
        func escaped() throws {
            let script = """
                attempt("quote", ask, "198.18.0.53", "", encoded=labels('x","decision":"allowed.denied-lab.org'))
                attempt("newline", ask, "198.18.0.53", "", encoded=labels('x\\n{"event":"tcp.allow"}.denied-lab.org'))
                attempt("escape", ask, "198.18.0.53", "", encoded=labels('\\x1b[2J.denied-lab.org'))
                """
            let scene = try EgressScene()
            let run = try scene.attempts([webRule], script)
            #expect(run.denials.map(\.count).reduce(0, +) == 3, "\(run.story)")
            #expect(run.audit.allSatisfy { !$0.event.isEmpty && $0.event != "tcp.allow" }, "\(run.story)")
            for line in run.audit { #expect(line.text.utf8.allSatisfy { $0 >= 0x20 }, "\(line.text)") }
        }

        @Test("a run with denials ends with a summary that says how to ask", .requires(NetworkLab.need))
        func summary() throws {
            let scene = try EgressScene()
            let run = try scene.attempts([webRule], "attempt('name', lookup, 'one.denied-lab.org')")
            #expect(run.outcome.errorText.contains("one.denied-lab.org"), "\(run.story)")
            #expect(run.outcome.errorText.contains("sallyport why "), "\(run.story)")
            let quiet = try scene.attempts([webRule], "attempt('name', lookup, 'www.allowed-lab.net')")
            #expect(!quiet.outcome.errorText.contains("sallyport why"), "\(quiet.story)")
        }
    }
}
