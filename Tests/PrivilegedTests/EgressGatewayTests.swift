// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// The process between a session's network and the world, as the kernel shows it.
@Suite("egress gateway of a session", .requires(.root))
struct EgressGatewayTests {
    private static let waiting = "cat /proc/self/uid_map; read line; true"

    private struct Scene {
        let sallyport: Sallyport
        let profile: String
        let record: String
        let run: Running
        let base: UInt32

        init(script: String = EgressGatewayTests.waiting) throws {
            sallyport = try Sallyport()
            profile = try sallyport.home.file(
                "profile.yaml",
                """
                version: 1
                extends: [strict]
                reason: a test of the gateway
                egress: {rules: [{host: allowed.test, reason: a name}]}
                """)
            record = sallyport.home.at("record.json")
            run = try sallyport.runCommand(profile: profile, record: record, ["sh", "-c", script]).start()
            let words = try #require(try run.line()).split(separator: " ")
            base = try #require(words.count == 3 ? UInt32(words[1]) : nil)
        }

        var gateway: Int32 {
            get throws {
                let last = base + 65_535
                let family = Set(descendants(of: run.pid).map(\.pid))
                let found = processes(uids: last..<(last + 1)).filter(family.contains)
                try #require(found.count == 1, "\(found)")
                return found[0]
            }
        }

        func finish() throws -> Outcome {
            run.closeInput()
            return try sallyport.outcome(of: try run.finish(), record: record)
        }
    }

    @Test(
        "runs as the block's last id with no capability, no new privilege and three filters", .timeLimit(.minutes(25)))
    func status() throws {
        let scene = try Scene()
        let pid = try scene.gateway
        let last = "\(scene.base + 65_535)"
        for field in ["Uid", "Gid"] {
            #expect(statusField(pid, field) == [last, last, last, last].joined(separator: " "))
        }
        #expect(statusField(pid, "Groups") == "")
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            #expect(statusField(pid, set) == "0000000000000000")
        }
        #expect(statusField(pid, "NoNewPrivs") == "1")
        #expect(statusField(pid, "Seccomp") == "2")
        // The supervisor's, the one that takes exec away, and the one that takes files and other sockets away.
        #expect(statusField(pid, "Seccomp_filters") == "3")
        #expect(statusField(pid, "Threads") == "1")
        #expect(TestSupport.status("/proc/\(pid)/mem")?.uid == 0)
        // It serves the session's sockets from the host's own network namespace, and sees none of its files.
        #expect(link("/proc/\(pid)/ns/net") == link("/proc/self/ns/net"))
        let open = names("/proc/\(pid)/fd").compactMap { link("/proc/\(pid)/fd/\($0)") }
        #expect(
            open.filter { !$0.hasPrefix("socket:") && !$0.hasPrefix("anon_inode:") && $0 != "/dev/null" }.map {
                $0.split(separator: "/").last.map(String.init) ?? ""
            } == ["audit.jsonl"], "\(open)")
        #expect(try scene.finish().code == 0)
    }

    @Test(
        "what a task did last is in the record, however far its gateway was behind", .requires(.python),
        .timeLimit(.minutes(25)))
    func lastWords() throws {
        // The gateway stands still meanwhile, so that all of it still waits in the session's sockets at the end.
        let scene = try Scene(
            script: """
                cat /proc/self/uid_map
                read line
                exec python3 -S -c "
                from socket import *
                packets = socket(AF_INET, SOCK_DGRAM)
                for port in range(1000, 1200): packets.sendto(b'x', ('192.0.2.7', port))
                for number in range(100):
                    name = b'n%03d' % number
                    question = b'\\0\\7\\1\\0\\0\\1' + bytes(6) + b'\\4' + name + b'\\4test\\0\\0\\1\\0\\1'
                    packets.sendto(question, ('198.18.0.53', 53))
                for number in range(50): create_connection(('192.0.2.%d' % (100 + number), 443))
                print('done', flush=True)
                "
                """)
        let gateway = try scene.gateway
        try signal(SIGSTOP, to: gateway)
        let family = descendants(of: scene.run.pid).map(\.pid)
        let first = try #require(family.first { statusField($0, "NSpid")?.hasSuffix(" 1") == true })
        let end = try ProcessEnd(of: first)
        try scene.run.send(Array("go\n".utf8))
        #expect(try scene.run.line() == "done")
        try end.wait()
        try signal(SIGCONT, to: gateway)
        let outcome = try scene.finish()
        #expect(outcome.code == 0, "\(outcome.errorText)")
        #expect(outcome.result?["egress"]?["denied"]?.intValue == 350, "\(outcome.errorText)")
        #expect(outcome.result?["egress"]?["records_lost"]?.intValue == 0)
        let session = try #require(outcome.session)
        let audit = try #require(text("\(scene.sallyport.runtime)/sessions/\(session)/audit.jsonl"))
        var counts: [String: Int] = [:]
        for line in audit.split(separator: "\n") {
            let record = try JSON.read(Array(line.utf8), file: "audit.jsonl")
            counts[record["event"]?.stringValue ?? "", default: 0] += record["count"]?.intValue ?? 0
        }
        #expect(
            counts == ["gateway.start": 1, "packet.refused": 200, "dns.deny": 100, "tcp.deny": 50, "gateway.end": 1])
    }

    @Test("its death shuts egress at once, and the session goes on and says so", .timeLimit(.minutes(25)))
    func killed() throws {
        // The name resolves before, and neither resolves nor connects after.
        let scene = try Scene(
            script: """
                cat /proc/self/uid_map
                getent hosts allowed.test && read line
                getent hosts allowed.test; echo after $?
                curl -sS --max-time 5 https://198.18.1.0/; echo direct $?
                exit 7
                """)
        let address = try #require(try scene.run.line())
        #expect(address.hasPrefix("fd53:414c:4c59::100") || address.hasPrefix("198.18.1.0"), "\(address)")
        let gateway = try ProcessEnd(of: try scene.gateway)
        try signal(9, to: try scene.gateway)
        try gateway.wait()
        let outcome = try scene.finish()
        #expect(outcome.code == 7)
        #expect(outcome.lines.suffix(2) == ["after 2", "direct 7"], "\(outcome.lines)")
        let lost = outcome.result?["egress"]?["lost"]?.stringValue ?? ""
        #expect(lost.hasPrefix("cannot go on with the egress gateway, which ended early (signal 9)"), "\(lost)")
        #expect(outcome.errorText.contains("Nothing leaves the session any more"))
    }

    @Test("ends with its supervisor", .timeLimit(.minutes(25)))
    func supervisorKilled() throws {
        let scene = try Scene()
        let gateway = try ProcessEnd(of: try scene.gateway)
        try signal(9, to: scene.run.pid)
        try gateway.wait()
        #expect(try scene.sallyport.command(["sweep"]).run().code == 0)
    }

    @Test(
        "a supervisor that only waits for its reader holds nothing of the session's network", .timeLimit(.minutes(25)))
    func network() throws {
        // More than one pipe takes and less than two: the session ends, and its supervisor waits for this test to read.
        let scene = try Scene(script: "cat /proc/self/uid_map; read line; head -c 100000 /dev/zero")
        // The one that tells which process has a socket: of the session's network, so that the host's does not list it.
        #expect(foreignSockets(of: scene.run.pid).count == 1)
        let gateway = try ProcessEnd(of: try scene.gateway)
        scene.run.closeInput()
        try gateway.wait()
        #expect(foreignSockets(of: scene.run.pid) == [])
        #expect(try scene.finish().finished.output.count > 100_000)
    }

    /// The sockets of a process that belong to another network namespace than this one.
    private func foreignSockets(of pid: Int32) -> [String] {
        let here = ["unix", "netlink"].flatMap { (text("/proc/self/net/\($0)") ?? "").split(separator: "\n") }
        let known = Set(here.flatMap { $0.split(separator: " ").map(String.init) })
        return names("/proc/\(pid)/fd").compactMap { link("/proc/\(pid)/fd/\($0)") }.filter {
            $0.hasPrefix("socket:[") && !known.contains(String($0.dropFirst(8).dropLast()))
        }
    }

    @Test("is not started for a profile that lets nothing out", .timeLimit(.minutes(25)))
    func absent() throws {
        let sallyport = try Sallyport()
        let outcome = try sallyport.run(profile: "strict", ["true"])
        #expect(outcome.code == 0)
        #expect(outcome.result?["egress"] == .null)
    }
}
