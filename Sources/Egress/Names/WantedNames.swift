// SPDX-License-Identifier: Apache-2.0
internal import Policy

/// The names that a session asked for and that no rule names, for whoever can be asked about them.
///
/// Bounded, since the session chooses them: what has no room is denied as ever, and nobody hears of it.
struct WantedNames {
    static let mostNames = 256
    /// Of one name; more often changes nobody's mind.
    static let mostTimes: UInt16 = 16

    /// By type: a program that looks one name up asks for IPv4 and for IPv6 addresses.
    private var times: [HostName: [UInt16: UInt16]] = [:]

    /// A question for a name was denied.
    ///
    /// - Parameter type: The question's type of record; those that no connection begins with do not count.
    /// - Returns: How often it was asked for, where that is news.
    mutating func note(_ name: HostName, type: UInt16) -> UInt16? {
        guard Self.types.contains(type), times[name] != nil || times.count < Self.mostNames else { return nil }
        let before = times[name]?.values.max() ?? 0
        guard times[name]?[type] ?? 0 < Self.mostTimes else { return nil }
        times[name, default: [:]][type, default: 0] += 1
        let now = times[name]?.values.max() ?? 0
        return now > before ? now : nil
    }

    /// A, AAAA, HTTPS.
    private static let types: Set<UInt16> = [1, 28, 65]
}
