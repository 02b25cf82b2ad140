// SPDX-License-Identifier: Apache-2.0

/// What a running session's supervisor answers to a ``SessionRequest``.
package enum SessionReply: Equatable, Sendable {
    /// The gateway decides by the policy of this generation from now on, and cut so many connections.
    case applied(generation: UInt32, cut: UInt32)
    /// No process of the sandbox runs.
    case frozen
    case thawed
    /// Nothing has changed.
    case refused(Refusal)

    package struct Refusal: Equatable, Sendable {
        /// Who refuses, for programs.
        package enum Reason: UInt8, Equatable, Sendable, CaseIterable {
            /// Only root and the user who started the session may ask.
            case caller = 1
            /// The request or its document is not what it must be.
            case document
            /// The session does not listen on a port that the policy newly names.
            case port
            /// Another change is under way.
            case busy
            /// The session's gateway is gone, or did not take the policy.
            case gateway
            /// The supervisor could not write or send what it had to.
            case system
            /// The session was not started with a socket that the policy grants.
            case socket
        }

        package let reason: Reason
        /// The whole message for people, with its remedy.
        package let text: String

        /// Cuts a text that is too long between two of its characters.
        package init(_ reason: Reason, _ text: String) {
            self.reason = reason
            var kept = text
            while kept.utf8.count > SessionReply.longestText { kept.removeLast() }
            self.text = kept
        }
    }

    fileprivate static let longestText = 1024
    /// No reply is longer.
    package static let longest = 2048

    private enum Kind: UInt8 {
        case applied = 0xA1
        case refused = 0xA2
        case frozen = 0xA3
        case thawed = 0xA4
    }

    /// The datagram of this reply.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .applied(let generation, let cut):
            writer.appendHeader(Kind.applied)
            writer.append(generation)
            writer.append(cut)
        case .frozen: writer.appendHeader(Kind.frozen)
        case .thawed: writer.appendHeader(Kind.thawed)
        case .refused(let refusal):
            writer.appendHeader(Kind.refused)
            writer.append(refusal.reason.rawValue)
            writer.append(counted: Array(refusal.text.utf8))
        }
        return writer.bytes
    }

    /// Reads one datagram.
    package init(decoding bytes: [UInt8]) throws(MessageError) {
        guard bytes.count <= Self.longest else { throw .size(bytes.count) }
        var reader = ByteReader(bytes)
        let kind = try reader.nextHeader(Kind.self)
        switch kind {
        case .applied: self = .applied(generation: try reader.next(), cut: try reader.next())
        case .frozen: self = .frozen
        case .thawed: self = .thawed
        case .refused:
            guard let reason = Refusal.Reason(rawValue: try reader.next()) else { throw .value }
            let text = try reader.nextCounted(most: Self.longestText)
            guard let text = String(validating: text, as: UTF8.self) else { throw .value }
            self = .refused(Refusal(reason, text))
        }
        try reader.expectEnd()
    }
}
