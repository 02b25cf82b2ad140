// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// Standard input, output and error of one session, and the export channel.
///
/// Each that is a terminal becomes the session's own pty, each other a pipe of the session's own. The caller's descriptors never go in: they could be opened again through
/// /proc/self/fd with other rights, and a terminal among them could be typed into (TIOCSTI, CVE-2017-5226).
final class Streams {
    private let childs = DescriptorSet()
    private var relays: [(name: String, relay: Relay)] = []
    private(set) var standard: [Int32?] = []
    private(set) var export: Int32?

    /// - Parameter terminals: which of 0, 1 and 2 the gateway carries instead.
    init(logLimit: UInt64, terminals: [Bool]) throws(SystemError) {
        standard.append(terminals[0] ? nil : try input())
        // One file behind both means one pipe for both, so that their order is kept.
        let same = try Streams.sameFile(1, 2)
        let out = terminals[1] ? nil : try output("stdout", to: 1, cap: logLimit)
        standard.append(out)
        standard.append(terminals[2] ? nil : same ? out : try output("stderr", to: 2, cap: logLimit))
    }

    private static func sameFile(_ a: Int32, _ b: Int32) throws(SystemError) -> Bool {
        let empty: [CChar] = [0]
        let first = try FileStatus.at(a, empty, flags: SP_AT_EMPTY_PATH, subject: "standard output")
        let second = try FileStatus.at(b, empty, flags: SP_AT_EMPTY_PATH, subject: "standard error")
        return first.device == second.device && first.inode == second.inode
    }

    private func input() throws(SystemError) -> Int32 {
        let channel = try Channel.pipe()
        let number = childs.keep(try channel.first.duplicate())
        // Nothing ever comes from the null device: the session finds the end at once, and no thread waits for more.
        if try FileStatus.at(0, [0], flags: SP_AT_EMPTY_PATH, subject: "standard input").isNullDevice { return number }
        let writer = try channel.second.duplicate()
        // A relay that waits for the caller's input for ever is not waited for: it ends with this process.
        let relay = InputRelay(sink: writer)
        try relay.start()
        return number
    }

    private func output(_ name: String, to sink: Int32, cap: UInt64) throws(SystemError) -> Int32 {
        let channel = try Channel.pipe()
        let number = childs.keep(try channel.second.duplicate())
        relays.append(
            (name, Relay(name: name, source: try channel.first.duplicate(), sink: sink, closesSink: false, cap: cap)))
        return number
    }

    func addExport(_ file: consuming Descriptor, named path: String, cap: UInt64) throws(SystemError) {
        let channel = try Channel.pipe()
        export = childs.keep(try channel.second.duplicate())
        relays.append(
            (
                "export",
                Relay(
                    name: "\"\(path)\"", source: try channel.first.duplicate(), sink: file.release(), closesSink: true,
                    cap: cap)
            ))
    }

    /// After the launch: our copies of the session's ends go, so that its end is seen.
    func begin() { childs.closeAll() }

    /// What to wait on for first bytes; the position is what ``start(_:)`` takes.
    var sources: [Int32] { relays.map { $0.relay.source } }

    /// Bytes of one stream start to flow.
    func start(_ position: Int) throws(SystemError) { try relays[position].relay.start() }

    /// How long a reader of the output may take nothing, once the session has ended. Milliseconds.
    private static let patience: Int32 = 5000

    /// Whether every output has been taken whole.
    var isDone: Bool { relays.allSatisfy { $0.relay.isDone } }

    /// What each output has come to so far.
    var counts: [(name: String, count: Relay.Count)] { relays.map { ($0.name, $0.relay.count) } }

    /// Waits for the last byte of every output that somebody reads. Precondition: no process of the session lives.
    func finish() {
        // A session that was never launched has no other writer than us.
        childs.closeAll()
        for (_, relay) in relays { _ = relay.join(patience: Self.patience) }
    }
}

/// Moves the caller's standard input into the session until either side is done.
private final class InputRelay: Sendable {
    private let sink: Int32

    init(sink: consuming Descriptor) { self.sink = sink.release() }

    func start() throws(SystemError) {
        var id = pthread_t()
        let result = pthread_create(
            &id, nil,
            { argument in
                if let argument { Unmanaged<InputRelay>.fromOpaque(argument).takeRetainedValue().main() }
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        guard result == 0 else { throw SystemError("start", "the thread for standard input", Errno(result)) }
        pthread_detach(id)
    }

    private func main() {
        // Not cleared: most of the time it is not needed.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            // splice(2) holds the lock of the pipe that it fills while a terminal or a socket keeps it waiting, and a
            // workload that ends meanwhile cannot close its end: it would stay in pipe_release until somebody types.
            let ready = sp_poll_one(0, Int16(POLLIN), -1)
            if ready == -Int(EINTR) { continue }
            if ready < 0 { break }
            var got = sp_splice(0, sink, 1 << 20, 0)
            if got == -Int(EINVAL) {
                got = sp_read(0, buffer.baseAddress!, buffer.count)
                if got > 0 && !write(UnsafeRawBufferPointer(rebasing: buffer[..<got])) { break }
            }
            if got == -Int(EINTR) { continue }
            if got == -Int(EAGAIN) {
                if sp_poll_one(0, Int16(POLLIN), -1) < 0 { break }
                continue
            }
            // End of input, or nobody inside reads any more (EPIPE): either way the session sees the end.
            if got <= 0 { break }
        }
        _ = sp_close(sink)
    }

    private func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var done = 0
        while done < bytes.count {
            let wrote = sp_write(sink, bytes.baseAddress! + done, bytes.count - done)
            if wrote == -Int(EINTR) { continue }
            if wrote <= 0 { return false }
            done += wrote
        }
        return true
    }
}
