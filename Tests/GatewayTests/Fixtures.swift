// SPDX-License-Identifier: Apache-2.0
import CGatewayTesting
import CLinux
import Glibc
import Testing

/// A pty whose slave passes bytes as they are, closed at the end.
final class Pseudoterminal {
    let master: Int32
    private(set) var slave: Int32

    /// - Parameter nonblocking: Opens the slave as the supervisor opens the caller's terminal.
    init(nonblocking: Bool = false) throws {
        var ends: (master: Int32, slave: Int32) = (-1, -1)
        try #require(sp_test_open_pty(&ends.master, &ends.slave, nonblocking ? O_NONBLOCK : 0) == 0)
        (master, slave) = ends
        var mode = termios()
        try #require(tcgetattr(slave, &mode) == 0)
        cfmakeraw(&mode)
        try #require(tcsetattr(slave, TCSANOW, &mode) == 0)
    }

    deinit {
        closeSlave()
        close(master)
    }

    func closeSlave() {
        if slave >= 0 { close(slave) }
        slave = -1
    }

    /// Writes all of it to the slave, as the workload would.
    func workloadWrites(_ text: String) throws {
        try writeAll(Array(text.utf8), to: slave)
    }

    var window: (rows: UInt16, columns: UInt16) {
        get throws {
            var size = winsize()
            try #require(ioctl(slave, UInt(TIOCGWINSZ), &size) == 0)
            return (size.ws_row, size.ws_col)
        }
    }
}

/// A frame socket and a frame file.
final class FramePlumbing {
    let outer: Int32
    private(set) var inner: Int32
    let file: Int32
    private let reader: Int32

    init() throws {
        var pair: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0)
        outer = pair[0]
        inner = pair[1]
        reader = sp_test_memory_file()
        try #require(reader >= 0)
        file = open("/proc/self/fd/\(reader)", O_WRONLY | O_APPEND | O_CLOEXEC)
        try #require(file >= 0)
    }

    deinit {
        closeInner()
        close(outer)
        close(file)
        close(reader)
    }

    func closeInner() {
        if inner >= 0 { close(inner) }
        inner = -1
    }

    /// What is in the file, by line, with the time of receipt taken out.
    func lines() throws -> [String] {
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = pread(reader, &bytes, bytes.count, 0)
        try #require(count >= 0)
        let text = String(decoding: bytes[..<count], as: UTF8.self)
        try #require(text.isEmpty || text.hasSuffix("\n"))
        return try text.split(separator: "\n").map { line in
            let parts = line.split(separator: "\"received_ms\":")
            try #require(parts.count == 2)
            return String(parts[0] + parts[1].drop { $0.isNumber }.dropFirst())
        }
    }
}

/// Writes all of it, waiting where the other end is slow.
func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { raw -> Int in
            guard let base = raw.baseAddress else { return 0 }
            return sp_gateway_write(descriptor, base, raw.count)
        }
        try #require(count > 0, "write: \(count)")
        rest = rest.dropFirst(count)
    }
}

/// Only root can start a process that has fewer rights than nobody took from it: ids, bounding set.
extension Trait where Self == ConditionTrait {
    static var requiresRoot: Self {
        .enabled("requires root") {
            if geteuid() == 0 { return true }
            let required = getenv("SALLYPORT_TESTS_REQUIRE").map { String(cString: $0) } ?? ""
            if required.split(separator: ",").contains("root") { throw MissingRoot() }
            return false
        }
    }
}

struct MissingRoot: Error {}
