// SPDX-License-Identifier: Apache-2.0
package import Workspace

/// One reference that a client wants changed.
package struct PushCommand: Equatable, Sendable {
    /// What the client believes to be there; nil for a reference that is to be made.
    package let old: ObjectID?
    /// What is to be there; nil for a deletion.
    package let new: ObjectID?
    /// Printable ASCII without a space.
    package let reference: String

    package init(old: ObjectID?, new: ObjectID?, reference: String) {
        self.old = old
        self.new = new
        self.reference = reference
    }

    /// `<old> <new> <reference>`: nothing of a client's own spelling is ever passed on, only this.
    package var text: String {
        "\(old?.description ?? Self.zeros) \(new?.description ?? Self.zeros) \(reference)"
    }

    static let zeros = String(repeating: "0", count: 40)
}

/// What a client asks for before its pack.
package struct PushRequest: Equatable, Sendable {
    /// What the client said that it understands, of what ``Advertisement`` offers.
    package struct Capabilities: OptionSet, Equatable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let reportStatus = Capabilities(rawValue: 1 << 0)
        package static let sideBand64k = Capabilities(rawValue: 1 << 1)
        package static let atomic = Capabilities(rawValue: 1 << 2)
        package static let quiet = Capabilities(rawValue: 1 << 3)
        package static let ofsDelta = Capabilities(rawValue: 1 << 4)
        package static let objectFormat = Capabilities(rawValue: 1 << 5)
        package static let deleteRefs = Capabilities(rawValue: 1 << 6)

        static let names: [(String, Capabilities)] = [
            ("report-status", .reportStatus), ("side-band-64k", .sideBand64k), ("atomic", .atomic), ("quiet", .quiet),
            ("ofs-delta", .ofsDelta), ("object-format=sha1", .objectFormat), ("delete-refs", .deleteRefs),
        ]
    }

    package let commands: [PushCommand]
    package let capabilities: Capabilities

    package init(commands: [PushCommand], capabilities: Capabilities) {
        self.commands = commands
        self.capabilities = capabilities
    }
}

/// Why a push is none that git's own client would send to what we offered. Its sender is told by status 400.
package enum PushFlaw: Error, Equatable, Sendable {
    case line(PktLine.Flaw)
    /// More than 64 KiB before the pack.
    case tooLong
    case tooManyCommands
    case malformedCommand
    case malformedShallow
    /// Capabilities anywhere but behind the first command, or with a byte that none has.
    case malformedCapabilities
    case unknownCapability
    case signed
    case options
    case sha256
    /// One reference twice: which of both would count is anybody's guess.
    case repeated
    case noCommands

    package var reason: String {
        switch self {
        case .line(let flaw): flaw.rawValue
        case .tooLong: "more than \(PushRequestReader.mostBytes) bytes of commands"
        case .tooManyCommands: "more than \(PushRequestReader.mostCommands) references in one push"
        case .malformedCommand: "a command is not \"<old> <new> <reference>\" with a plain reference name"
        case .malformedShallow: "a shallow line is not \"shallow <commit>\" before the commands"
        case .malformedCapabilities: "the capabilities are malformed"
        case .unknownCapability: "a capability that was not offered"
        case .signed: "signed pushes are not supported"
        case .options: "push options are not supported"
        case .sha256: "object names of sha256 in a repository of sha1"
        case .repeated: "one reference twice"
        case .noCommands: "no command"
        }
    }
}
