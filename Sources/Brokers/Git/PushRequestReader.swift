// SPDX-License-Identifier: Apache-2.0
internal import Workspace

/// Collects the first bytes of a push until its commands are known, or certainly none.
///
///     [shallow <commit>]...  <old> <new> <reference>[NUL capabilities]  [<old> <new> <reference>]...  0000  PACK...
///
/// Strict: a byte that git's own client would not send ends it, and nothing is guessed. The verdict depends on the bytes
/// alone, never on how they arrived.
///
/// - SeeAlso: gitprotocol-pack(5), "Reference Update Request and Packfile Transfer".
package struct PushRequestReader: Sendable {
    package enum State: Equatable, Sendable {
        case needMore
        case request(PushRequest)
        /// Only "0000": a client asks whether it may push before it sends a body in chunks.
        case probe
        case refused(PushFlaw)
    }

    package static let mostBytes = 65536
    package static let mostCommands = 32
    static let longestReference = 512

    package private(set) var state = State.needMore
    /// What came behind the commands in the same piece: the beginning of the pack.
    package private(set) var rest: [UInt8] = []

    private var line = PktLineReader()
    private var size = 0
    private var shallows = 0
    private var commands: [PushCommand] = []
    private var references: Set<String> = []
    private var capabilities: PushRequest.Capabilities = []

    package init() {}

    /// Takes the next bytes. After a verdict nothing more is taken and the verdict stays.
    package mutating func append(_ bytes: Span<UInt8>) -> State {
        guard state == .needMore else { return state }
        do throws(PushFlaw) {
            for index in bytes.indices {
                guard let end = try take(bytes[index]) else { continue }
                state = end
                for behind in index + 1..<bytes.count { rest.append(bytes[behind]) }
                break
            }
        } catch {
            state = .refused(error)
        }
        return state
    }

    private mutating func take(_ byte: UInt8) throws(PushFlaw) -> State? {
        size += 1
        guard size <= Self.mostBytes else { throw .tooLong }
        let whole: PktLine?
        do throws(PktLine.Flaw) { whole = try line.take(byte) } catch { throw .line(error) }
        switch whole {
        case nil: return nil
        case .data(let bytes):
            try take(line: bytes[...])
            return nil
        case .flush:
            if !commands.isEmpty { return .request(PushRequest(commands: commands, capabilities: capabilities)) }
            guard shallows == 0 else { throw .noCommands }
            return .probe
        }
    }

    private mutating func take(line: ArraySlice<UInt8>) throws(PushFlaw) {
        if line.starts(with: "push-cert".utf8) { throw .signed }
        // git ends some lines with a line feed and others not; both mean the same. gitprotocol-common(5)
        let line = line.last == 0x0A ? line.dropLast() : line
        if line.starts(with: "shallow ".utf8) {
            guard commands.isEmpty, Self.id(line.dropFirst(8)) != nil else { throw .malformedShallow }
            shallows += 1
            return
        }
        var command = line
        if let end = line.firstIndex(of: 0) {
            guard commands.isEmpty else { throw .malformedCapabilities }
            command = line[..<end]
            try take(capabilities: line[(end + 1)...])
        }
        guard commands.count < Self.mostCommands else { throw .tooManyCommands }
        let parsed = try Self.command(command)
        guard references.insert(parsed.reference).inserted else { throw .repeated }
        commands.append(parsed)
    }

    private mutating func take(capabilities bytes: ArraySlice<UInt8>) throws(PushFlaw) {
        guard bytes.allSatisfy({ (0x20...0x7E).contains($0) }) else { throw .malformedCapabilities }
        for word in bytes.split(separator: 0x20) {
            let text = String(decoding: word, as: UTF8.self)
            if let known = PushRequest.Capabilities.names.first(where: { $0.0 == text }) {
                capabilities.insert(known.1)
            } else if text == "push-options" {
                throw .options
            } else if text.hasPrefix("object-format=") {
                throw .sha256
            } else if !text.hasPrefix("agent=") {
                throw .unknownCapability
            }
        }
    }

    /// `<old> <new> <reference>`, and nothing else.
    private static func command(_ bytes: ArraySlice<UInt8>) throws(PushFlaw) -> PushCommand {
        let parts = bytes.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .malformedCommand }
        if parts[0].count == 64, parts[1].count == 64 { throw .sha256 }
        guard let old = id(parts[0]), let new = id(parts[1]), (1...longestReference).contains(parts[2].count),
            parts[2].allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw .malformedCommand }
        func orNone(_ id: ObjectID) -> ObjectID? { id.description == PushCommand.zeros ? nil : id }
        return PushCommand(old: orNone(old), new: orNone(new), reference: String(decoding: parts[2], as: UTF8.self))
    }

    private static func id(_ bytes: ArraySlice<UInt8>) -> ObjectID? {
        ObjectID(String(decoding: bytes, as: UTF8.self))
    }
}
