// SPDX-License-Identifier: Apache-2.0
internal import Policy

extension HostName {
    /// The name that a client spelled in dotted form: questions, server names and Host fields are held to the rule of
    /// policy, so that no second reading of a name exists (threat E08).
    ///
    /// ASCII becomes text byte by byte. Whatever else came is no name, and is not decoded to find that out.
    init(bytes: Span<UInt8>) throws(Flaw) {
        guard bytes.count <= Self.longest else { throw .tooLong }
        for index in bytes.indices where bytes[index] >= 0x80 { throw .character("\u{FFFD}") }
        try self.init(checking: String(decoding: bytes.copy(0..<bytes.count), as: UTF8.self))
    }
}
