// SPDX-License-Identifier: Apache-2.0
import CGatewayTesting
import CLinux
import Glibc
import Testing
import Wire

/// A gateway that was started as the supervisor starts it, and the supervisor's end of its control socket.
///
/// Killed and reaped when the last reference goes.
final class GatewayUnderTest {
    /// Which protections the start has; a test leaves one out to see the refusal.
    struct Confinement {
        var user: uid_t = 65_533
        var dropsCapabilities = true
        var setsNoNewPrivileges = true
        var loadsFilter = true
        /// A call that the filter leaves out although the gateway makes it.
        var withheldCall: String?
    }

    let process: pid_t
    private(set) var control: Int32
    private let pidfd: Int32
    private var isReaped = false

    init(_ confinement: Confinement = Confinement()) throws {
        var pair: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0)
        defer { close(pair[1]) }
        let executable = open(try Self.executable(), O_RDONLY | O_CLOEXEC)
        try #require(executable >= 0)
        defer { close(executable) }
        let filter = confinement.loadsFilter ? try GatewayFilter.compile(without: confinement.withheldCall) : []
        let started = filter.withUnsafeBytes { bytes -> pid_t in
            var how = sp_test_gateway()
            how.executable = executable
            how.control = pair[1]
            how.user = confinement.user
            how.drops_capabilities = confinement.dropsCapabilities ? 1 : 0
            how.sets_no_new_privileges = confinement.setsNoNewPrivileges ? 1 : 0
            how.filter = bytes.isEmpty ? nil : bytes.baseAddress
            how.filter_bytes = bytes.count
            return sp_test_gateway_start(&how)
        }
        try #require(started > 0)
        process = started
        control = pair[0]
        pidfd = sp_test_pidfd(started)
        try #require(pidfd >= 0)
    }

    deinit {
        if !isReaped {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
        if control >= 0 { close(control) }
        close(pidfd)
    }

    /// The program in the directory that this test bundle was built into.
    private static func executable() throws -> String {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        for argument in CommandLine.arguments where argument.hasSuffix(".xctest") {
            let directory = argument.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            return directory.joined(separator: "/") + "/sallyport-gateway"
        }
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        try #require(count > 0)
        let path = String(decoding: buffer[..<count], as: UTF8.self)
        return path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
            + "/sallyport-gateway"
    }

    /// Sends a command; a start message's descriptors in the order of their roles.
    func send(_ command: GatewayCommand, descriptors: [Int32] = []) throws {
        try send(command.encoded(), descriptors: descriptors)
    }

    func send(_ bytes: [UInt8], descriptors: [Int32] = []) throws {
        let sent = sp_gateway_send(control, bytes, bytes.count, descriptors, Int32(descriptors.count), 0)
        try #require(sent == bytes.count)
    }

    /// Starts and waits until the gateway says that it is confined and running.
    func start(_ start: GatewayStart, _ descriptors: [GatewayStart.Role: Int32]) throws {
        try send(.start(start), descriptors: try start.orderedRoles.map { try #require(descriptors[$0]) })
        #expect(try report() == .ready)
    }

    /// The next report.
    func report() throws -> GatewayReport {
        try waitUntilReadable(control)
        var bytes = [UInt8](repeating: 0, count: GatewayReport.longest)
        var descriptors = [Int32](repeating: -1, count: Int(SP_GATEWAY_DESCRIPTORS))
        var count: Int32 = 0
        let received = sp_gateway_receive(control, &bytes, bytes.count, &descriptors, &count)
        try #require(received > 0, "the gateway is gone, or the report is none: \(received)")
        #expect(count == 0)
        return try GatewayReport(decoding: Array(bytes[..<received]))
    }

    /// The numbers of the last report, and of the exit status that must follow it.
    func ended() throws -> GatewayReport.Totals {
        while true {
            switch try report() {
            case .progress: continue
            case .ended(let totals):
                #expect(try exitStatus() == 0)
                return totals
            case .ready, .refused:
                Issue.record("the last report is not .ended")
                return GatewayReport.Totals()
            }
        }
    }

    func closeControl() {
        close(control)
        control = -1
    }

    /// Waits for the end: an exit status, or 256 plus the number of a signal.
    func exitStatus() throws -> Int32 {
        try waitUntilReadable(pidfd)
        var status: Int32 = 0
        try #require(waitpid(process, &status, 0) == process)
        isReaped = true
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 256 + (status & 0x7F)
    }
}

/// Waits at most twenty seconds, so that a mistake is a failure and not a test that hangs.
func waitUntilReadable(_ descriptor: Int32) throws {
    var set = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)]
    try #require(sp_gateway_poll(&set, 1, 20_000) == 1, "nothing came within 20 s")
}

/// Reads until `count` bytes are there.
func readExactly(_ count: Int, from descriptor: Int32) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while bytes.count < count {
        try waitUntilReadable(descriptor)
        let more = sp_gateway_read(descriptor, &buffer, min(buffer.count, count - bytes.count))
        try #require(more > 0, "the other end is gone after \(bytes.count) of \(count) bytes")
        bytes += buffer[..<more]
    }
    return bytes
}
