// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// What the sockets of a session hold that its memory limit does not cover.
///
/// The queues of netlink sockets are charged to no group. In version 1 those of TCP and UDP have a counter of their own,
/// whose limit slows a sender down and stops nobody. Under a limit of 256 MiB, eight processes held 2.3 GB and with it all
/// that net.ipv4.tcp_mem gives the host. The kernel tells of neither by itself, so they are asked for.
struct SocketMemory {
    /// Between two looks, in milliseconds.
    static let interval: UInt64 = 1000

    /// That of 30,000 netlink sockets, which nobody has but a bomb.
    private static let longestTable = 4 << 20

    private let first: Int32
    private let counter: String?
    private let most: UInt64

    /// - Parameters:
    ///   - first: The session's pid 1, not reaped yet.
    ///   - counter: The file that counts TCP and UDP, where the group's own limit does not.
    ///   - memory: The session's limit, a quarter of which may lie in sockets besides.
    init(first: Int32, counter: String?, memory: UInt64) {
        self.first = first
        self.counter = counter
        most = max(memory / 4, 32 << 20)
    }

    /// Whether the session holds more than it may; false for one that has just ended.
    func isOver() throws(SystemError) -> Bool {
        do throws(SystemError) {
            var held = try netlink()
            if let counter { held += UInt64(try procText(counter).first ?? "") ?? 0 }
            return held > most
        } catch {
            if error.errno == .noEntry || error.errno == .noSuchProcess { return false }
            if error.errno == Errno(EFBIG) { return true }
            throw error
        }
    }

    /// One line a socket: address, protocol, port id, groups, bytes to be received, and so on. net/netlink/af_netlink.c,
    /// netlink_native_seq_show()
    private func netlink() throws(SystemError) -> UInt64 {
        let file = try Descriptor.open("/proc/\(first)/net/netlink", O_RDONLY)
        let table = try file.readAll(limit: Self.longestTable, subject: "the session's netlink sockets")
        var held: UInt64 = 0
        for line in table.split(separator: UInt8(ascii: "\n")).dropFirst() {
            let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 5)
            if fields.count > 4, let bytes = UInt64(String(decoding: fields[4], as: UTF8.self)) { held += bytes }
        }
        return held
    }
}
