// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Policy

/// The socket filter of the tap: which packets on `lo` are an attempt to go somewhere, and find nobody there.
///
/// Taken is, of both families: a TCP segment that opens a connection to a port without a listener, and every UDP datagram
/// that is neither to nor from the resolver's port. Left out are what goes to the session's own addresses (127.0.0.0/8,
/// ::1 and the one on `lo`), which are its own affair, later fragments, and the outgoing copy: `lo` shows each packet
/// twice. packet(7), bpf(4)
///
/// What a listener takes is decided and recorded where it is accepted. Seen here too, each allowed connection would wake
/// the gateway once more, for nothing.
enum AttemptFilter {
    /// Bytes of a packet that a taken one keeps: fixed header, one fragment header or all IPv4 options, transport.
    static let kept: UInt32 = 96

    private enum Target: Equatable {
        case next
        case at(String)
    }
    private struct Instruction {
        var code: UInt32
        var value: UInt32
        var yes: Target = .next
        var no: Target = .next
        var label: String?
    }

    // bpf(4): class, size and mode of each form that is used.
    private static let loadWord = UInt32(BPF_LD | BPF_W | BPF_ABS)
    private static let loadHalf = UInt32(BPF_LD | BPF_H | BPF_ABS)
    private static let loadByte = UInt32(BPF_LD | BPF_B | BPF_ABS)
    private static let loadHalfAtX = UInt32(BPF_LD | BPF_H | BPF_IND)
    private static let loadByteAtX = UInt32(BPF_LD | BPF_B | BPF_IND)
    private static let headerLengthToX = UInt32(BPF_LDX | BPF_B | BPF_MSH)
    private static let valueToX = UInt32(BPF_LDX | BPF_W | BPF_IMM)
    private static let and = UInt32(BPF_ALU | BPF_AND | BPF_K)
    private static let equal = UInt32(BPF_JMP | BPF_JEQ | BPF_K)
    private static let anyBit = UInt32(BPF_JMP | BPF_JSET | BPF_K)
    private static let jump = UInt32(BPF_JMP | BPF_JA)
    private static let finish = UInt32(BPF_RET | BPF_K)

    private static let tcp: UInt32 = 6
    private static let udp: UInt32 = 17
    private static let fragment: UInt32 = 44
    private static let outgoing: UInt32 = 4  // PACKET_OUTGOING

    /// `struct sock_filter[]` as the kernel takes it.
    ///
    /// - Parameter listened: TCP ports that a listener takes; nil for every port.
    static func program(listened: [UInt16]?) -> [UInt8] { assemble(common + v4 + v6 + transport(listened)) }

    private static var common: [Instruction] {
        [
            .init(code: loadByte, value: ancillary(SKF_AD_PKTTYPE)),
            .init(code: equal, value: outgoing, yes: .at("drop")),
            .init(code: loadHalf, value: ancillary(SKF_AD_PROTOCOL)),
            .init(code: equal, value: UInt32(SP_ETH_P_IP), yes: .at("v4")),
            .init(code: equal, value: UInt32(SP_ETH_P_IPV6), yes: .at("v6"), no: .at("drop")),
        ]
    }

    /// Fragment offset at 6, protocol at 9, destination at 16; X is where the transport's header begins.
    private static var v4: [Instruction] {
        [
            .init(code: loadHalf, value: 6, label: "v4"),
            .init(code: anyBit, value: 0x1fff, yes: .at("drop")),
            .init(code: loadWord, value: 16),
            .init(code: equal, value: word(SessionAddresses.ownV4.bytes, 0), yes: .at("drop")),
            .init(code: and, value: 0xff00_0000),
            .init(code: equal, value: 0x7f00_0000, yes: .at("drop")),
            .init(code: headerLengthToX, value: 0),
            .init(code: loadByte, value: 9),
            .init(code: jump, value: 0, yes: .at("protocol")),
        ]
    }

    /// Next header at 6, destination at 24. Of the extension headers an unprivileged sender can cause a fragment header,
    /// by a small IPV6_MTU, and a routing header, which no interface of the session accepts. ipv6(7)
    private static var v6: [Instruction] {
        let own = SessionAddresses.ownV6.bytes
        return [
            .init(code: loadWord, value: 24, label: "v6"),
            .init(code: equal, value: word(own, 0), no: .at("loopback")),
            .init(code: loadWord, value: 28),
            .init(code: equal, value: word(own, 4), no: .at("headers")),
            .init(code: loadWord, value: 32),
            .init(code: equal, value: word(own, 8), no: .at("headers")),
            .init(code: loadWord, value: 36),
            .init(code: equal, value: word(own, 12), yes: .at("drop"), no: .at("headers")),
            .init(code: equal, value: 0, no: .at("headers"), label: "loopback"),
            .init(code: loadWord, value: 28),
            .init(code: equal, value: 0, no: .at("headers")),
            .init(code: loadWord, value: 32),
            .init(code: equal, value: 0, no: .at("headers")),
            .init(code: loadWord, value: 36),
            .init(code: equal, value: 1, yes: .at("drop")),
            .init(code: valueToX, value: 40, label: "headers"),
            .init(code: loadByte, value: 6),
            .init(code: equal, value: fragment, no: .at("protocol")),
            .init(code: loadHalf, value: 42),
            .init(code: anyBit, value: 0xfff8, yes: .at("drop")),
            .init(code: valueToX, value: 48),
            .init(code: loadByte, value: 40),
        ]
    }

    private static func transport(_ listened: [UInt16]?) -> [Instruction] {
        [
            .init(code: equal, value: tcp, yes: .at(listened == nil ? "drop" : "tcp"), label: "protocol"),
            .init(code: equal, value: udp, no: .at("drop")),
            .init(code: loadHalfAtX, value: 0),
            .init(code: equal, value: UInt32(NetworkPlan.dnsPort), yes: .at("drop")),
            .init(code: loadHalfAtX, value: 2),
            .init(code: equal, value: UInt32(NetworkPlan.dnsPort), yes: .at("drop"), no: .at("keep")),
            // SYN without ACK.
            .init(code: loadByteAtX, value: 13, label: "tcp"),
            .init(code: and, value: 0x12),
            .init(code: equal, value: 0x02, no: .at("drop")),
            .init(code: loadHalfAtX, value: 2),
        ] + (listened ?? []).map { .init(code: equal, value: UInt32($0), yes: .at("drop")) } + [
            .init(code: finish, value: kept, label: "keep"),
            .init(code: finish, value: 0, label: "drop"),
        ]
    }

    private static func ancillary(_ field: Int32) -> UInt32 { UInt32(bitPattern: SKF_AD_OFF + field) }

    private static func word(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Distances instead of labels; every label lies ahead, since a socket filter only jumps forwards.
    private static func assemble(_ instructions: [Instruction]) -> [UInt8] {
        var places: [String: Int] = [:]
        for (index, instruction) in instructions.enumerated() {
            if let label = instruction.label { places[label] = index }
        }
        return instructions.enumerated().flatMap { index, instruction -> [UInt8] in
            func distance(_ target: Target) -> Int {
                guard case .at(let label) = target, let place = places[label] else { return 0 }
                return place - index - 1
            }
            var flat = sock_filter()
            flat.code = UInt16(instruction.code)
            if instruction.code == jump {
                flat.k = UInt32(distance(instruction.yes))
            } else {
                flat.jt = UInt8(distance(instruction.yes))
                flat.jf = UInt8(distance(instruction.no))
                flat.k = instruction.value
            }
            return withUnsafeBytes(of: flat) { Array($0) }
        }
    }
}
