// SPDX-License-Identifier: Apache-2.0
import CLinux
import Documents
import Glibc
import LinuxSystem
import TestSupport
import Testing

@testable import Brokers

/// What a model broker may still do when the first byte from inside comes.
@Suite("narrowing of a model broker", .timeLimit(.minutes(25)))
struct ModelConfinementTests {
    private static let landlock = HostNeed("landlock") { sp_landlock_abi() >= 1 }

    private static let stream = Int32(SOCK_STREAM.rawValue)
    private static let datagram = Int32(SOCK_DGRAM.rawValue)
    private static let packet = Int32(SOCK_SEQPACKET.rawValue)

    /// What one attempt at each thing comes to; 0 for success.
    private struct Attempts: Equatable {
        var reads = Int32.max
        var writes = Int32.max
        /// A file in memory, as certificates lie in one.
        var rereads = Int32.max
        var rewrites = Int32.max
        var local = Int32.max
        var network = Int32.max
        var streams = Int32.max
        var datagrams = Int32.max
        var packets = Int32.max
        var process = Int32.max
        var thread = Int32.max

        init(_ path: String, memory: Int32) {
            reads = Self.opened(path, O_RDONLY)
            writes = Self.opened(path, O_WRONLY)
            rereads = Self.opened("/proc/self/fd/\(memory)", O_RDONLY)
            rewrites = Self.opened("/proc/self/fd/\(memory)", O_RDWR)
            local = Self.made(socket(AF_UNIX, ModelConfinementTests.datagram, 0))
            network = Self.made(socket(AF_INET, ModelConfinementTests.stream, 0))
            streams = Self.pair(ModelConfinementTests.stream | Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue))
            datagrams = Self.pair(ModelConfinementTests.datagram | Int32(SOCK_CLOEXEC.rawValue))
            packets = Self.pair(ModelConfinementTests.packet)
            let child = sp_fork()
            if child == 0 { _exit(0) }
            process = child > 0 ? 0 : Int32(-child)
            var made = pthread_t()
            thread = pthread_create(&made, nil, { _ in nil }, nil)
        }

        init(changed: (inout Attempts) -> Void) { changed(&self) }

        private static func made(_ number: Int32) -> Int32 {
            guard number >= 0 else { return errno }
            close(number)
            return 0
        }

        private static func opened(_ path: String, _ flags: Int32) -> Int32 { made(open(path, flags)) }

        private static func pair(_ type: Int32) -> Int32 {
            var ends: [Int32] = [-1, -1]
            return socketpair(AF_UNIX, type, 0, &ends) == 0 ? 0 : errno
        }
    }

    /// Becomes what a broker is when it starts, and then what it is when it serves. For good: only in an exit test.
    private static func narrow() throws {
        let identity: UInt32 = 2_130_456_448
        try #require(sp_task_drop(1, identity, identity) == 0 && sp_task_no_new_privileges() == 0)
        // Some filter, as the supervisor would have set one.
        try #require(sp_narrow_pairs() == 0)
        try ModelConfinement.enter()
        try ModelConfinement.narrow(waived: false)
    }

    @Test(
        "leaves no file, no local socket, no pair that takes an address, no process and no thread", .requires(.root),
        .requires(landlock))
    func narrowed() async throws {
        let scratch = try Scratch()
        let path = try scratch.file("file", "text", mode: 0o666)
        defer { extendLifetime(scratch) }
        await #expect(processExitsWith: .success) { [path = path as String] in
            let memory = Int32(sp_memfd("memory"))
            let before = Attempts(path, memory: memory)
            try #require(
                before
                    == Attempts {
                        ($0.reads, $0.writes, $0.rereads, $0.rewrites, $0.local, $0.network) = (0, 0, 0, 0, 0, 0)
                        ($0.streams, $0.datagrams, $0.packets, $0.process, $0.thread) = (0, 0, 0, 0, 0)
                    })
            try ModelConfinementTests.narrow()
            let after = Attempts(path, memory: memory)
            let wanted = Attempts {
                ($0.reads, $0.writes, $0.rereads, $0.rewrites) = (EACCES, EACCES, 0, EACCES)
                ($0.local, $0.network) = (EACCES, 0)
                ($0.streams, $0.datagrams, $0.packets) = (0, EACCES, EACCES)
                ($0.process, $0.thread) = (EAGAIN, EAGAIN)
            }
            if after != wanted { ModelConfinementTests.say("\(after)\n") }
            // Its library would start a thread.
            _exit(after == wanted ? 0 : 1)
        }
    }

    @Test("starts no program: the kernel ends it", .requires(.root), .requires(landlock))
    func exec() async throws {
        await #expect(processExitsWith: .signal(SIGSYS)) {
            try ModelConfinementTests.narrow()
            var argv: [UnsafeMutablePointer<CChar>?] = [strdup("/bin/true"), nil]
            execv("/bin/true", &argv)
        }
    }

    private static func say(_ text: String) {
        _ = Array(text.utf8).withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
    }
}

/// Where a broker writes what there was.
@Suite("lines of a model broker's ledger")
struct CappedLinesTests {
    private func lines(_ scratch: Scratch, most: UInt64) throws -> CappedLines {
        CappedLines(
            try Descriptor.open(scratch.at("ledger"), O_WRONLY | O_CREAT | O_APPEND, mode: 0o600),
            RecordHead(correlation: CorrelationID("ticket-1")), mostBytes: most)
    }

    private func record(settled: Int?) -> ModelRecord {
        var record = ModelRecord()
        record.event = .failed
        record.settled = settled.map { MicroDollars($0) }
        return record
    }

    @Test("that cost nothing fill half of it, and leave room for those that do", arguments: [nil, 0])
    func quarters(_ settled: Int?) throws {
        let scratch = try Scratch()
        let ledger = try lines(scratch, most: 4000)
        for _ in 0..<100 { ledger.append(record(settled: settled)) }
        let half = try #require(contents(scratch.at("ledger"))).count
        #expect(half > 1500 && half <= 2000 && ledger.lost > 0)
        let lost = ledger.lost
        ledger.append(record(settled: 5))
        #expect(ledger.lost == lost)
        for _ in 0..<100 { ledger.append(record(settled: 5)) }
        let whole = try #require(contents(scratch.at("ledger"))).count
        #expect(whole > 3500 && whole <= 4000 && ledger.lost > lost)
    }

    @Test("have room as long as the longest would fit")
    func room() throws {
        let scratch = try Scratch()
        let ledger = try lines(scratch, most: CappedLines.longestLine * 2)
        #expect(ledger.hasRoom(lines: 2) && !ledger.hasRoom(lines: 3))
        ledger.append(record(settled: 5))
        #expect(ledger.hasRoom(lines: 1) && !ledger.hasRoom(lines: 2))
    }

    @Test("have none any more when one was not taken")
    func full() throws {
        let ledger = CappedLines(
            try Descriptor.open("/dev/full", O_WRONLY), RecordHead(correlation: nil), mostBytes: 1 << 20)
        #expect(ledger.hasRoom(lines: 1))
        ledger.append(record(settled: 5))
        #expect(ledger.lost == 1 && !ledger.hasRoom(lines: 1))
    }

    private static let longestHead = RecordHead(
        correlation: CorrelationID(String(repeating: "a", count: CorrelationID.longest)))

    @Test("bear the id of their task")
    func correlated() throws {
        let scratch = try Scratch()
        try lines(scratch, most: 4000).append(record(settled: 5))
        let line = try JSONParser.parse(Array(try #require(contents(scratch.at("ledger"))).dropLast()))
        #expect(line["correlation_id"] == "ticket-1" && line["event"] == "model.failed")
    }

    @Test("are never longer than what is kept free for one")
    func longest() {
        var record = ModelRecord()
        let long = String(repeating: "\u{1}\"", count: 10_000)
        (record.target, record.model, record.answeredModel, record.reason) = (long, long, long, long)
        (record.method, record.api, record.code) = ("DELETE", "anthropic-messages", "upstream-unreachable")
        record.usage = TokenUsage(
            input: .max, output: .max, cacheRead: .max, cacheWrite: .max, cacheWriteLong: .max, reasoning: .max,
            toolCalls: .max)
        record.flaws = MeterReading.Flaw.allCases.map { $0.rawValue }
        (record.bytesUp, record.bytesDown, record.milliseconds) = (.max, .max, .max)
        #expect(UInt64(record.line(Self.longestHead).count) <= CappedLines.longestLine / 2)
    }
}
