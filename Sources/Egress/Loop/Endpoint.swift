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
        func number<Number: FixedWidthInteger & BitwiseCopyable>(at offset: Int) -> Number {
            let stored = withUnsafeBytes(of: raw.bytes) { $0.loadUnaligned(fromByteOffset: offset, as: Number.self) }
            return Number(bigEndian: stored)
        }
        switch raw.length {
        case 4: self.init(.v4(number(at: 0)), raw.port)
        case 16: self.init(.v6(number(at: 0), number(at: 8)), raw.port)
        default: return nil
        }
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
