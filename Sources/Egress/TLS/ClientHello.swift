// SPDX-License-Identifier: Apache-2.0
internal import Policy

/// What a ClientHello says about where it wants to go; RFC 8446 4.1.2, RFC 6066 3.
package struct ClientHello: Equatable, Sendable {
    /// The one server name, as ``HostName`` spells it.
    package let serverName: String
    /// The protocols offered inside, as they were sent.
    package let protocols: [[UInt8]]
    /// True when an encrypted hello, or what only looks like one, came along; a rule had allowed it.
    package let hasEncryptedHello: Bool
    /// True when the server may choose TLS 1.3 or one of its drafts, and with it ask for a second hello.
    package let offersTLS13: Bool
    /// True when encrypted bytes may follow before the server has answered.
    package let offersEarlyData: Bool
}

extension ClientHello {
    private static let serverNameType = 0
    private static let protocolsType = 16
    private static let preSharedKeyType = 41
    private static let earlyDataType = 42
    private static let versionsType = 43
    /// RFC 9849 and its drafts, the older encrypted server name, and `ech_outer_extensions`, which stands only inside.
    private static let encryptedTypes: Set<Int> = Set(0xfe08...0xfe0d).union([0xff02, 0xff03, 0xffce, 0xfd00])
    /// Real hellos have about 20. The look for duplicates is quadratic in this.
    private static let mostExtensions = 128
    private static let mostProtocols = 32

    /// Reads a whole handshake message, header included. Every length must agree with what it measures.
    init(parsing message: [UInt8], allowsEncryptedHello: Bool) throws(TLSRefusal) {
        var body = Vector(message, 4..<message.count)
        let version = try body.number16()
        guard (0x0301...0x0303).contains(version) else { throw .version }
        try body.skip(32)
        guard try body.vector8().count <= 32 else { throw .malformed }
        let ciphers = try body.vector16()
        guard ciphers.count >= 2, ciphers.count.isMultiple(of: 2) else { throw .malformed }
        guard try body.vector8().contains(0) else { throw .malformed }
        // Before extensions existed a hello ended here; then it names no server.
        guard !body.isEmpty else { throw .noServerName }
        var extensions = try body.vector16()
        guard body.isEmpty else { throw .malformed }

        var seen: [Int] = []
        var name: String?
        var protocols: [[UInt8]] = []
        var versions: [Int] = []
        while !extensions.isEmpty {
            let type = try extensions.number16()
            let content = try extensions.vector16()
            guard !seen.contains(type) else {
                throw type == Self.serverNameType ? .duplicateServerName : .duplicateExtension
            }
            // The key binder signs everything before it; servers refuse an extension that follows it.
            guard seen.last != Self.preSharedKeyType else { throw .malformed }
            guard seen.count < Self.mostExtensions else { throw .oversized }
            seen.append(type)
            switch type {
            case Self.serverNameType: name = try Self.serverName(content)
            case Self.protocolsType: protocols = try Self.protocols(content)
            case Self.versionsType: versions = try Self.versions(content)
            default: break
            }
        }
        let hasEncryptedHello = seen.contains { Self.encryptedTypes.contains($0) }
        guard allowsEncryptedHello || !hasEncryptedHello else { throw .encryptedHello }
        guard let name else { throw .noServerName }
        self.init(
            serverName: name, protocols: protocols, hasEncryptedHello: hasEncryptedHello,
            offersTLS13: versions.contains { $0 > 0x0303 }, offersEarlyData: seen.contains(Self.earlyDataType))
    }

    private static func serverName(_ content: Vector) throws(TLSRefusal) -> String {
        var content = content
        var list = try content.vector16()
        guard content.isEmpty else { throw .malformed }
        // RFC 6066 has one name type and one name of each type; a second entry could be the one a server takes.
        guard !list.isEmpty, try list.number8() == 0 else { throw .badServerName }
        let name = try list.vector16()
        guard list.isEmpty else { throw .badServerName }
        do throws(HostName.Flaw) { return try HostName(bytes: name.bytes.span).text } catch { throw .badServerName }
    }

    private static func versions(_ content: Vector) throws(TLSRefusal) -> [Int] {
        var content = content
        var list = try content.vector8()
        guard content.isEmpty, !list.isEmpty else { throw .malformed }
        var versions: [Int] = []
        while !list.isEmpty { versions.append(try list.number16()) }
        return versions
    }

    private static func protocols(_ content: Vector) throws(TLSRefusal) -> [[UInt8]] {
        var content = content
        var list = try content.vector16()
        guard content.isEmpty, !list.isEmpty else { throw .malformed }
        var protocols: [[UInt8]] = []
        while !list.isEmpty {
            let name = try list.vector8()
            guard !name.isEmpty else { throw .malformed }
            guard protocols.count < mostProtocols else { throw .oversized }
            protocols.append(name.bytes)
        }
        return protocols
    }
}

/// A range of a message that is taken from the front. Reading past its end is `.malformed`.
private struct Vector {
    private let message: [UInt8]
    private var range: Range<Int>

    init(_ message: [UInt8], _ range: Range<Int>) {
        self.message = message
        self.range = range
    }

    var count: Int { range.count }
    var isEmpty: Bool { range.isEmpty }
    var bytes: [UInt8] { Array(message[range]) }

    func contains(_ byte: UInt8) -> Bool { message[range].contains(byte) }

    mutating func skip(_ count: Int) throws(TLSRefusal) { _ = try take(count) }

    mutating func number8() throws(TLSRefusal) -> Int { Int(message[try take(1).lowerBound]) }

    mutating func number16() throws(TLSRefusal) -> Int { try number8() << 8 | number8() }

    /// A vector with one byte of length in front.
    mutating func vector8() throws(TLSRefusal) -> Vector { Vector(message, try take(try number8())) }

    /// A vector with two bytes of length in front.
    mutating func vector16() throws(TLSRefusal) -> Vector { Vector(message, try take(try number16())) }

    private mutating func take(_ count: Int) throws(TLSRefusal) -> Range<Int> {
        guard count <= range.count else { throw .malformed }
        let taken = range.lowerBound..<range.lowerBound + count
        range = taken.upperBound..<range.upperBound
        return taken
    }
}
