// SPDX-License-Identifier: Apache-2.0

extension IPAddress {
    /// The IPv4 address that an IPv6 one only wraps, otherwise the address itself.
    ///
    /// A destination is judged by where the packets end up: `::ffff:127.0.0.1` (RFC 4291 2.5.5), the translated
    /// `64:ff9b::7f00:1` (RFC 6052, RFC 8215) and 6to4 `2002:7f00:1::` (RFC 3056) all lead to 127.0.0.1 (threat E18).
    package var unwrapped: IPAddress {
        guard case .v6(let high, let low) = self else { return self }
        let lowest = UInt32(truncatingIfNeeded: low)
        switch high {
        case 0:
            // The old "compatible" form ::a.b.c.d; :: and ::1 are themselves.
            if low >> 32 == 0 { return low <= 1 ? self : .v4(lowest) }
            // Mapped ::ffff:a.b.c.d and translated ::ffff:0:a.b.c.d (RFC 2765).
            return low >> 32 == 0xFFFF || low >> 32 == 0xFFFF_0000 ? .v4(lowest) : self
        case 0x0064_FF9B_0000_0000: return low >> 32 == 0 ? .v4(lowest) : self
        case _ where high >> 16 == 0x0064_FF9B_0001: return .v4(lowest)
        case _ where high >> 48 == 0x2002: return .v4(UInt32(truncatingIfNeeded: high >> 16))
        default: return self
        }
    }

    package var isWrapping: Bool { unwrapped != self }

    /// The one wrapping that this host's own kernel takes off: `::ffff:a.b.c.d`.
    package var isMapped: Bool { if case .v6(0, let low) = self { low >> 32 == 0xFFFF } else { false } }

    /// An interface id that names an IPv4 tunnel end: ISATAP, RFC 5214 6.1.
    var isISATAP: Bool {
        guard case .v6(_, let low) = self else { return false }
        return low >> 32 & ~0x0200_0000 == 0x0000_5EFE
    }
}
