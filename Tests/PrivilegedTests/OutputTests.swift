// SPDX-License-Identifier: Apache-2.0
import CLinux
import Documents
import Glibc
import TestSupport
import Testing

/// What becomes of output that nobody reads, or not yet.
@Suite("output without a reader")
struct OutputTests {
    private func run(_ operation: Sallyport, output: Int32, bytes: Int) throws -> TestSupport.Outcome {
        let record = operation.home.at("record.json")
        var command = operation.runCommand(
            profile: "strict", record: record, ["head", "-c", "\(bytes)", "/dev/zero"])
        command.descriptors = [1: output]
        // Far below the wall-clock limit, which would end the wait as well.
        command.deadline = .seconds(40)
        return try operation.outcome(of: try command.run(), record: record)
    }

    @Test("a pager that reads after the end gets every byte, and the session does not wait for it", .requires(.root))
    func slowPipe() throws {
        let operation = try Sallyport()
        var ends: [Int32] = [-1, -1]
        try #require(ends.withUnsafeMutableBufferPointer { sp_pipe($0.baseAddress!, 0) } >= 0)
        defer { for fd in ends { _ = sp_close(fd) } }
        // More than the caller's pipe holds, less than that and the session's together.
        let bytes = 100_000
        try #require(sp_pipe_size(ends[1]) < bytes)
        let run = try run(operation, output: ends[1], bytes: bytes)
        #expect(run.code == 0, "\(run.errorText)")
        #expect(run.result?["stdout"]?["bytes"]?.intValue == bytes)
        #expect(run.result?["stdout"]?["not_delivered"]?.intValue == 0)
        #expect(sp_readable(ends[0]) == bytes)
    }

    @Test("a reader that has stopped does not keep a session, and the record says what it missed", .requires(.root))
    func stoppedSocket() throws {
        let operation = try Sallyport()
        var ends: [Int32] = [-1, -1]
        try #require(ends.withUnsafeMutableBufferPointer { sp_socketpair_stream($0.baseAddress!) } >= 0)
        defer { for fd in ends { _ = sp_close(fd) } }
        var least: Int32 = 4096
        try #require(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &least, socklen_t(MemoryLayout<Int32>.size)) == 0)
        let bytes = 60_000
        let run = try run(operation, output: ends[1], bytes: bytes)
        #expect(run.code == 0, "\(run.errorText)")
        let delivered = try #require(run.result?["stdout"]?["bytes"]?.intValue)
        let missed = try #require(run.result?["stdout"]?["not_delivered"]?.intValue)
        #expect(missed > 0)
        #expect(delivered + missed == bytes)
        #expect(sp_readable(ends[0]) == delivered)
        #expect(run.result?["stdout"]?["truncated"] == .bool(false))
        #expect(run.errorText.contains("\(missed) bytes of output were not delivered"), "\(run.errorText)")
        #expect(try operation.command(["sweep", "--json"]).run().code == 0)
    }

    @Test("a reader that has gone is no limit that was reached", .requires(.root))
    func closedPipe() throws {
        let operation = try Sallyport()
        var ends: [Int32] = [-1, -1]
        try #require(ends.withUnsafeMutableBufferPointer { sp_pipe($0.baseAddress!, 0) } >= 0)
        _ = sp_close(ends[0])
        defer { _ = sp_close(ends[1]) }
        let run = try run(operation, output: ends[1], bytes: 5000)
        #expect(run.code == 0, "\(run.errorText)")
        #expect(run.result?["stdout"]?["not_delivered"]?.intValue == 5000)
        #expect(run.limitsHit == [])
    }

    @Test("a file that others write to as well loses nothing of theirs", .requires(.root))
    func sharedFile() throws {
        let operation = try Sallyport()
        let file = try operation.home.file("log")
        let opened = sp_open(file, O_WRONLY, 0)
        try #require(opened >= 0)
        let log = Int32(opened)
        defer { _ = sp_close(log) }
        var command = operation.runCommand(
            profile: "strict", record: operation.home.at("record.json"),
            ["sh", "-c", "echo inside 1; echo up >&2; read word; echo inside 2"])
        // Standard error goes where the test reads lines.
        var ends: [Int32] = [-1, -1]
        try #require(ends.withUnsafeMutableBufferPointer { sp_pipe($0.baseAddress!, 0) } >= 0)
        defer { _ = sp_close(ends[0]) }
        command.descriptors = [1: log, 2: ends[1]]
        let running = try command.start()
        _ = sp_close(ends[1])
        var word = [UInt8](repeating: 0, count: 3)
        #expect(sp_read(ends[0], &word, 3) == 3)
        while (text(file) ?? "").isEmpty { sched_yield() }
        #expect(sp_write(log, Array("outside\n".utf8), 8) == 8)
        try running.send(Array("word\n".utf8))
        #expect(try running.finish().code == 0)
        #expect(text(file) == "inside 1\noutside\ninside 2\n")
    }
}
