// SPDX-License-Identifier: Apache-2.0
internal import CLinux

/// One attribute of a netlink message: a type and its bytes. netlink(7), "attribute"
package struct NetlinkAttribute: Sendable {
    let type: UInt16
    let payload: [UInt8]

    package init(_ type: Int32, _ payload: [UInt8]) {
        self.type = UInt16(type)
        self.payload = payload
    }

    /// A number in the host's byte order, as rtnetlink has them.
    package init(_ type: Int32, host value: UInt32) {
        self.init(type, withUnsafeBytes(of: value) { Array($0) })
    }

    /// A number in network byte order, as netfilter has them.
    package init(_ type: Int32, network value: UInt32) {
        self.init(type, withUnsafeBytes(of: value.bigEndian) { Array($0) })
    }

    /// Attributes inside one.
    package static func nested(_ type: Int32, _ attributes: [NetlinkAttribute]) -> NetlinkAttribute {
        NetlinkAttribute(type | NLA_F_NESTED, attributes.flatMap { NetlinkRequests.encoded($0) })
    }
}

/// Requests to the kernel, laid out one behind the other so that one send carries them all. netlink(7)
package struct NetlinkRequests: Sendable {
    package private(set) var bytes: [UInt8] = []
    private var sequence: UInt32

    /// - Parameter after: the number before that of the first request, for a socket that sends more than once.
    package init(after: UInt32 = 0) { sequence = after }

    /// Appends a request.
    ///
    /// - Parameters:
    ///   - flags: beside `NLM_F_REQUEST`; with `acknowledge` the kernel answers, an errno when it refuses.
    ///   - body: the fixed part, a structure of the kernel's headers whose padding is zero.
    package mutating func append<Body: BitwiseCopyable>(
        _ type: UInt16, flags: UInt16 = 0, acknowledge: Bool = true, body: Body, _ attributes: [NetlinkAttribute] = []
    ) {
        sequence += 1
        let start = bytes.count
        var header = nlmsghdr()
        header.nlmsg_type = type
        header.nlmsg_flags = UInt16(NLM_F_REQUEST) | flags | (acknowledge ? UInt16(NLM_F_ACK) : 0)
        header.nlmsg_seq = sequence
        withUnsafeBytes(of: header) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: body) { bytes.append(contentsOf: $0) }
        Self.pad(&bytes)
        for attribute in attributes { bytes += Self.encoded(attribute) }
        let length = UInt32(bytes.count - start)
        withUnsafeBytes(of: length) { bytes.replaceSubrange(start..<start + 4, with: $0) }
    }

    /// An attribute as it lies in a message: length, type, bytes, and zeros up to the next multiple of four.
    static func encoded(_ attribute: NetlinkAttribute) -> [UInt8] {
        var bytes: [UInt8] = []
        withUnsafeBytes(of: UInt16(4 + attribute.payload.count)) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: attribute.type) { bytes.append(contentsOf: $0) }
        bytes += attribute.payload
        pad(&bytes)
        return bytes
    }

    private static func pad(_ bytes: inout [UInt8]) {
        while bytes.count % 4 != 0 { bytes.append(0) }
    }
}
