// SPDX-License-Identifier: Apache-2.0

/// The first message to a gateway: which descriptors come along, what they are for, and what may go through them.
package struct GatewayStart: Equatable, Sendable {
    /// What a descriptor is for. Descriptors travel in ascending order of these numbers.
    package enum Role: UInt8, Sendable, CaseIterable {
        /// The outer end of the session's pty. The gateway makes it non-blocking.
        case ptyMaster = 0
        /// The caller's terminal, for reading. Best an open file description of its own with O_NONBLOCK: the gateway
        /// never sets that flag itself, since a shared description would leave it with the caller's shell.
        case terminalInput = 1
        /// The caller's terminal, for writing; may be the same description as `terminalInput`.
        case terminalOutput = 2
        /// The outer end of the runner's stream socket. The gateway makes it non-blocking.
        case frames = 3
        /// A regular file opened for writing with O_APPEND.
        case frameFile = 4
    }

    package struct Options: OptionSet, Equatable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The caller asked for the workload's bytes unchanged (`--raw-output`).
        package static let rawOutput = Options(rawValue: 1 << 0)
        /// The caller's terminal does not decode UTF-8, so only ASCII is safe on it.
        package static let asciiTerminal = Options(rawValue: 1 << 1)
        /// This host has no Landlock and the profile waives it; otherwise its absence ends the gateway.
        package static let landlockWaived = Options(rawValue: 1 << 2)

        static let known: Options = [.rawOutput, .asciiTerminal, .landlockWaived]
    }

    package let roles: Set<Role>
    package let options: Options
    /// The size that the pty gets before the first byte; nil leaves it alone.
    package let window: WindowSize?
    /// Bytes read from the pty that are passed on; what comes later is read and thrown away.
    package let outputBytes: UInt64
    /// Frames that are accepted before the gateway stops reading them.
    package let frames: UInt32
    /// Size that the frame file may reach.
    package let frameFileBytes: UInt64

    package init(
        roles: Set<Role>, options: Options = [], window: WindowSize? = nil, outputBytes: UInt64 = .max,
        frames: UInt32, frameFileBytes: UInt64
    ) {
        self.roles = roles
        self.options = options
        self.window = window
        self.outputBytes = outputBytes
        self.frames = frames
        self.frameFileBytes = frameFileBytes
    }

    /// The roles in the order in which their descriptors are sent.
    package var orderedRoles: [Role] { Role.allCases.filter(roles.contains) }

    func append(to writer: inout ByteWriter) {
        writer.append(roles.reduce(UInt8(0)) { $0 | 1 << $1.rawValue })
        writer.append(options.rawValue)
        (window ?? WindowSize(rows: 0, columns: 0)).append(to: &writer)
        writer.append(UInt16(0))
        writer.append(outputBytes)
        writer.append(frames)
        writer.append(UInt32(0))
        writer.append(frameFileBytes)
    }

    init(from reader: inout ByteReader) throws(MessageError) {
        let mask = try reader.next(UInt8.self)
        roles = Set(Role.allCases.filter { mask & 1 << $0.rawValue != 0 })
        guard mask >> Role.allCases.count == 0 else { throw .reserved }
        options = Options(rawValue: try reader.next())
        guard options.isSubset(of: .known) else { throw .reserved }
        let size = try WindowSize(from: &reader)
        window = size == WindowSize(rows: 0, columns: 0) ? nil : size
        try reader.expectZero(UInt16.self)
        outputBytes = try reader.next()
        frames = try reader.next()
        try reader.expectZero(UInt32.self)
        frameFileBytes = try reader.next()
        guard isComplete else { throw .value }
    }

    /// A pty needs somewhere to go, frames need their file, and without either there is nothing to do.
    private var isComplete: Bool {
        roles.contains(.ptyMaster) == roles.contains(.terminalOutput)
            && roles.contains(.frames) == roles.contains(.frameFile)
            && (roles.contains(.ptyMaster) || !roles.contains(.terminalInput))
            && (roles.contains(.ptyMaster) || roles.contains(.frames))
    }
}
