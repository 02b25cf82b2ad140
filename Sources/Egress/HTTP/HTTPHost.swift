// SPDX-License-Identifier: Apache-2.0
internal import Policy

/// Where a Host field or an absolute target points.
package struct HTTPHost: Equatable, Sendable {
    /// A name as ``HostName`` spells it, an IPv4 address in its one dotted spelling, or an IPv6 address in
    /// brackets, lower-cased and otherwise as it was sent.
    package let name: String
    package let port: UInt16

    /// Reads "name", "name:port", "192.0.2.1" or "[2001:db8::1]:port"; nil for everything else, which includes
    /// user information, a trailing dot, an empty port and any other spelling of an address.
    init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        let end: Int
        if bytes.first == UInt8(ascii: "[") {
            guard let close = bytes.firstIndex(of: UInt8(ascii: "]")),
                case .v6? = IPAddress(text: String(decoding: bytes[1..<close], as: UTF8.self))
            else { return nil }
            end = close + 1
            name = String(decoding: bytes[..<end].map(\.asciiLowercased), as: UTF8.self)
        } else {
            end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
            let front = Array(bytes[..<end])
            if case .v4? = IPAddress(text: String(decoding: front, as: UTF8.self)) {
                name = String(decoding: front, as: UTF8.self)
            } else {
                do throws(HostName.Flaw) { name = try HostName(bytes: front.span).text } catch { return nil }
            }
        }
        guard end < bytes.endIndex else {
            port = 80
            return
        }
        guard bytes[end] == UInt8(ascii: ":"), let number = Self.port(bytes[(end + 1)...]) else { return nil }
        port = number
    }

    /// As it stands in a Host field.
    var field: String { port == 80 ? name : "\(name):\(port)" }

    /// One to 65535 without leading zeros.
    private static func port(_ digits: ArraySlice<UInt8>) -> UInt16? {
        guard (1...5).contains(digits.count), digits.first != UInt8(ascii: "0"),
            digits.allSatisfy(\.isASCIIDigit)
        else { return nil }
        return UInt16(exactly: digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) })
    }
}
