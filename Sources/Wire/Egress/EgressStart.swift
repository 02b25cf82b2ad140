// SPDX-License-Identifier: Apache-2.0

/// The first message to an egress gateway: what each descriptor that comes along is for.
package struct EgressStart: Equatable, Sendable {
    /// One descriptor's purpose. All sockets but those for sockets of the host and for brokers were
    /// made inside the session's network namespace.
    package enum Role: Equatable, Sendable {
        /// A sealed memfd: host lines and the policy, as JSON.
        case configuration
        /// `audit.jsonl`, opened with O_APPEND.
        case audit
        case dnsDatagrams
        case dnsListener
        /// Listens on one port of every address.
        case listener(port: UInt16)
        /// Listens for every port (TPROXY).
        case transparentListener
        /// Listens on the session's side of a socket of the host: the policy's grant of this number, counted from 1.
        case socketListener(number: UInt16)
        /// A packet socket that sees the first packet of every attempt.
        case tap
        /// Takes connections to the session's repository, see ``BrokerConnection``. Not made inside.
        case repository
        /// Takes connections to the session's models, likewise.
        case model
        /// Takes connections to the session's forge, likewise.
        case forge
        /// Takes connections to the session's packages, likewise.
        case packages

        private enum Code: UInt8 {
            case configuration = 1
            case audit, dnsDatagrams, dnsListener, listener, transparentListener, tap, socketListener, repository,
                model,
                forge, packages
        }

        func append(to writer: inout ByteWriter) {
            var code = Code.configuration
            var port: UInt16 = 0
            switch self {
            case .configuration: break
            case .audit: code = .audit
            case .dnsDatagrams: code = .dnsDatagrams
            case .dnsListener: code = .dnsListener
            case .listener(let number):
                code = .listener
                port = number
            case .transparentListener: code = .transparentListener
            case .socketListener(let number):
                code = .socketListener
                port = number
            case .tap: code = .tap
            case .repository: code = .repository
            case .model: code = .model
            case .forge: code = .forge
            case .packages: code = .packages
            }
            writer.append(code.rawValue)
            writer.append(UInt8(0))
            writer.append(port)
        }

        init(from reader: inout ByteReader) throws(MessageError) {
            guard let code = Code(rawValue: try reader.next()) else { throw .value }
            try reader.expectZero(UInt8.self)
            let port = try reader.next(UInt16.self)
            guard (code == .listener || code == .socketListener) == (port != 0) else { throw .value }
            switch code {
            case .configuration: self = .configuration
            case .audit: self = .audit
            case .dnsDatagrams: self = .dnsDatagrams
            case .dnsListener: self = .dnsListener
            case .listener: self = .listener(port: port)
            case .transparentListener: self = .transparentListener
            case .socketListener: self = .socketListener(number: port)
            case .tap: self = .tap
            case .repository: self = .repository
            case .model: self = .model
            case .forge: self = .forge
            case .packages: self = .packages
            }
        }
    }

    package struct Options: OptionSet, Equatable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// This host has no Landlock and the profile waives it; otherwise its absence ends the gateway.
        package static let landlockWaived = Options(rawValue: 1 << 0)
        /// The session has IPv6 addresses, so that AAAA is answered.
        package static let ipv6 = Options(rawValue: 1 << 1)
        /// Somebody can be asked about names that no rule names: they are told of while the session runs.
        package static let tellsNames = Options(rawValue: 1 << 2)

        static let known: Options = [.landlockWaived, .ipv6, .tellsNames]
    }

    /// Descriptors travel in this order.
    package let roles: [Role]
    package let options: Options
    package static let mostRoles = 64

    package init(roles: [Role], options: Options) {
        self.roles = roles
        self.options = options
    }

    func append(to writer: inout ByteWriter) {
        writer.append(options.rawValue)
        writer.append(UInt8(roles.count))
        writer.append(UInt16(0))
        for role in roles { role.append(to: &writer) }
    }

    init(from reader: inout ByteReader) throws(MessageError) {
        options = Options(rawValue: try reader.next())
        guard options.isSubset(of: .known) else { throw .reserved }
        let count = Int(try reader.next(UInt8.self))
        guard count <= Self.mostRoles else { throw .value }
        try reader.expectZero(UInt16.self)
        var roles: [Role] = []
        for _ in 0..<count { roles.append(try Role(from: &reader)) }
        self.roles = roles
        let single = roles.filter { $0 == .configuration || $0 == .audit }
        guard single.count == 2, single[0] != single[1] else { throw .value }
    }
}
