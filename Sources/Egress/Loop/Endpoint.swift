// SPDX-License-Identifier: Apache-2.0
internal import CLinux
package import Policy

/// An address with a port.
package struct Endpoint: Hashable, Sendable {
    package let address: IPAddress
    package let port: UInt16

    package init(_ address: IPAddress, _ port: UInt16) {
        self.address = address
        self.port = port
    }
}

extension Endpoint {
    /// Nil when the kernel gave neither 4 nor 16 bytes.
    init?(_ raw: sp_endpoint) {
        let address = withUnsafeBytes(of: raw.bytes) { IPAddress(bytes: $0.prefix(Int(min(raw.length, 16)))) }
        guard let address else { return nil }
        self.init(address, raw.port)
    }

    var raw: sp_endpoint {
        var result = sp_endpoint()
        let bytes = address.bytes
        withUnsafeMutableBytes(of: &result.bytes) { $0.copyBytes(from: bytes) }
        result.length = UInt16(bytes.count)
        result.port = port
        return result
    }
}

extension Endpoint: CustomStringConvertible {
    package var description: String {
        if case .v6 = address { return "[\(address)]:\(port)" }
        return "\(address):\(port)"
    }
}
