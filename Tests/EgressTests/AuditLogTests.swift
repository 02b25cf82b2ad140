// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import LinuxSystem
import Policy
import Testing
import Wire

@testable import Egress

@Suite("audit log")
struct AuditLogTests {
    /// A log over an unlinked file, and what it has written so far.
    private struct Scene {
        let loop: EventLoop
        let log: AuditLog
        let file: FileBox

        init(mostBytes: UInt64 = 1 << 20, correlation: CorrelationID? = nil) throws {
            loop = try EventLoop()
            file = FileBox(Descriptor(owning: Int32(try checked("make", "a file") { Int(memfd_create("audit", 0)) })))
            log = AuditLog(
                loop, file: file.descriptor.number, session: "s-abc", correlation: correlation, mostBytes: mostBytes)
        }

        func lines() throws -> [JSON] {
            lseek(file.descriptor.number, 0, SEEK_SET)
            let bytes = try file.descriptor.readAll(limit: 64 << 20, subject: "the audit")
            return try bytes.split(separator: 0x0A).map { try JSONParser.parse(Array($0)) }
        }
    }

    private final class FileBox {
        let descriptor: Descriptor
        init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
    }

    private func denial(_ name: String) -> AuditRecord {
        var record = AuditRecord(.nameDenied)
        record.name = name
        record.reason = "name_not_allowed"
        record.remedy = "a remedy"
        return record
    }

    @Test("each line bears the id of its task, and none where there is no task")
    func correlated() throws {
        let scene = try Scene(correlation: CorrelationID("ticket-1"))
        for _ in 0..<3 { scene.log.record(denial("a.test")) }
        scene.log.flush()
        let lines = try scene.lines()
        #expect(lines.count == 2 && lines.allSatisfy { $0["correlation_id"] == "ticket-1" })
        let bare = try Scene()
        bare.log.record(denial("a.test"))
        #expect(try bare.lines().map { $0["correlation_id"] } == [nil])
    }

    @Test("counts of all lines add up to what happened")
    func counts() throws {
        let scene = try Scene()
        for _ in 0..<7 { scene.log.record(denial("a.test")) }
        for _ in 0..<3 { scene.log.record(denial("b.test")) }
        scene.log.flush()
        scene.log.record(denial("a.test"))
        scene.log.flush()
        let lines = try scene.lines()
        var sums: [String: Int] = [:]
        for line in lines {
            sums[try #require(line["name"]?.stringValue), default: 0] += try #require(line["count"]?.intValue)
        }
        #expect(sums == ["a.test": 8, "b.test": 3])
        #expect(scene.log.denied == 11)
        // Each repeat names the line it repeats.
        #expect(lines.filter { $0["repeats"] != nil }.count == 3)
        #expect(Set(lines.compactMap { $0["id"]?.stringValue }).count == lines.count)
        #expect(lines.allSatisfy { $0["version"]?.intValue == 1 })
    }

    @Test("what was quiet for a round is written anew when it happens again")
    func forgets() throws {
        let scene = try Scene()
        let first = scene.log.record(denial("a.test"))
        scene.log.flush()
        let second = scene.log.record(denial("a.test"))
        #expect(first != second)
        #expect(try scene.lines().allSatisfy { $0["repeats"] == nil })
    }

    @Test("names and claims are escaped: a line stays one line")
    func escaped() throws {
        let scene = try Scene()
        var record = denial("a.test")
        record.owner = SocketOwner(
            pid: 7, device: 1, inode: 2, claimedName: Array("x\n\u{1b}[31m\"".utf8),
            claimedCommand: Array("sh\u{0}-c\u{0}\u{202e}evil".utf8) + [0xFF])
        scene.log.record(record)
        let lines = try scene.lines()
        #expect(lines.count == 1)
        let claimed = lines[0]["process"]?["claimed"]
        #expect(claimed?["name"]?.stringValue == "x\n\u{1b}[31m\"")
        #expect(claimed?["command"]?.stringValue == "sh -c \u{202e}evil\u{FFFD}")
        lseek(scene.file.descriptor.number, 0, SEEK_SET)
        let raw = try scene.file.descriptor.readAll(limit: 1 << 20, subject: "the audit")
        #expect(!raw.contains(0x1B))
        #expect(raw.filter { $0 == 0x0A }.count == 1)
    }

    @Test("a full file ends with a line that says so, and losses are counted")
    func full() throws {
        let scene = try Scene(mostBytes: 16_384)
        for number in 0..<500 { scene.log.record(denial("name-\(number).test")) }
        let lines = try scene.lines()
        #expect(lines.filter { $0["event"]?.stringValue == "audit.truncated" }.count == 1)
        #expect(lines.last?["event"]?.stringValue == "audit.truncated")
        #expect(UInt64(lines.count - 1) + scene.log.recordsLost == 500)
        #expect(scene.log.denied == 500)
        #expect(lseek(scene.file.descriptor.number, 0, SEEK_END) <= 16_384)
    }

    @Test("a flood of attempts and of denials leaves room for what was allowed")
    func shares() throws {
        let scene = try Scene(mostBytes: 65_536)
        var attempt = AuditRecord(.packetRefused)
        var allowed = AuditRecord(.connectionAllowed)
        for port in 1...500 {
            attempt.port = UInt16(port)
            scene.log.record(attempt)
        }
        for number in 0..<500 { scene.log.record(denial("name-\(number).test")) }
        for port in 1...5 {
            allowed.port = UInt16(port)
            scene.log.record(allowed)
        }
        let events = try scene.lines().map { $0["event"]?.stringValue }
        let attempts = events.filter { $0 == "packet.refused" }.count
        let denials = events.filter { $0 == "dns.deny" }.count
        #expect(attempts > 0 && denials > 0)
        #expect(UInt64(attempts + denials) + scene.log.recordsLost == 1000)
        #expect(events.filter { $0 == "audit.truncated" }.count == 2)
        #expect(events.suffix(5) == Array(repeating: "tcp.allow", count: 5))
    }

    @Test("the most frequent denials come first, with the event to ask about")
    func summary() throws {
        let scene = try Scene()
        scene.log.record(denial("once.test"))
        let event = scene.log.record(denial("often.test"))
        for _ in 0..<4 { scene.log.record(denial("often.test")) }
        let most = scene.log.mostDenied(1)
        #expect(most.count == 1)
        #expect(most[0].key.name == "often.test")
        #expect(most[0].count == 5)
        #expect(most[0].event == event)
    }
}
