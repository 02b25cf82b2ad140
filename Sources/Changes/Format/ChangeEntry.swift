// SPDX-License-Identifier: Apache-2.0

/// One change that a session made to its workspace.
package struct ChangeEntry: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        /// A directory where the base had none.
        case directory = 1
        /// A regular file, new or with other content.
        case file = 2
        case symlink = 3
        /// What the base had is gone; each thing in a removed directory has an entry of its own.
        case deleted = 4
        /// Only the permission bits differ.
        case mode = 5
        /// Something that is not carried over; ``ChangeEntry/refusal`` says why.
        case refused = 6
    }

    /// Why an item is not carried over.
    package enum Refusal: UInt8, Sendable {
        case none = 0
        case socket = 1
        case fifo = 2
        case device = 3
        case unreadable = 4
        case tooDeep = 5
        case pathTooLong = 6
        case tooLarge = 7
        case overBudget = 8
        case tooMany = 9

        package var explanation: String {
            switch self {
            case .none: "carried over"
            case .socket: "a socket"
            case .fifo: "a fifo"
            case .device: "a device node"
            case .unreadable: "could not be read"
            case .tooDeep: "a directory deeper than the limit"
            case .pathTooLong: "the path is longer than a path may be"
            case .tooLarge: "a file larger than the whole workspace may be"
            case .overBudget: "its content did not fit any more"
            case .tooMany: "there are more changes than a set may hold; this one and all after it are left out"
            }
        }

        /// Whether a tree could hold what is missing, so that the rest of the set may not make sense without it. A socket,
        /// a fifo or a device is nothing to bring into a tree.
        package var makesPartial: Bool {
            switch self {
            case .none, .socket, .fifo, .device: false
            case .unreadable, .tooDeep, .pathTooLong, .tooLarge, .overBudget, .tooMany: true
            }
        }
    }

    /// What was left off on purpose.
    package struct Notes: OptionSet, Sendable, Hashable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        /// The file had other names; each is carried over as a file of its own.
        package static let hardlinked = Notes(rawValue: 1)
        /// setuid, setgid or sticky bits were stripped.
        package static let specialBits = Notes(rawValue: 2)
        /// Extended attributes, ACLs and file capabilities among them, were dropped.
        package static let attributes = Notes(rawValue: 4)
        static let all: Notes = [.hardlinked, .specialBits, .attributes]
    }

    /// What the caller's tree held when the session started; a tree that holds something else now is a conflict. A file
    /// that was changed while the session ran has the earliest time there is, which nothing equals.
    package struct Base: Equatable, Sendable {
        package enum Kind: UInt8, Sendable {
            case absent = 0
            case file = 1
            case directory = 2
            case symlink = 3
            case other = 4
        }
        package let kind: Kind
        package let permissions: UInt32
        package let size: UInt64
        package let modifiedNanoseconds: Int64
        package static let absent = Base(kind: .absent, permissions: 0, size: 0, modifiedNanoseconds: 0)

        package init(kind: Kind, permissions: UInt32, size: UInt64, modifiedNanoseconds: Int64) {
            self.kind = kind
            self.permissions = permissions
            self.size = size
            self.modifiedNanoseconds = modifiedNanoseconds
        }
    }

    /// Relative to the workspace, bytes as the session wrote them.
    package var path: [UInt8]
    package var kind: Kind
    /// The lower nine bits only.
    package var permissions: UInt32 = 0
    package var modifiedNanoseconds: Int64 = 0
    /// Bytes of content: of a file, or of a symlink's target.
    package var size: UInt64 = 0
    package var base: Base = .absent
    package var notes: Notes = []
    package var refusal: Refusal = .none
    /// Where the content lies in the set.
    package var contentOffset: UInt64 = 0
    /// SHA-256 of the content, 32 bytes; empty where there is none.
    package var digest: [UInt8] = []

    package init(path: [UInt8], kind: Kind, base: Base = .absent) {
        self.path = path
        self.kind = kind
        self.base = base
    }

    /// Left out of the set though a tree could hold it.
    package var isLeftOut: Bool { kind == .refused && refusal.makesPartial }
    package var hasContent: Bool { kind == .file || kind == .symlink }
    /// The path with everything escaped that could act on a terminal.
    package var shownPath: String { escapedPath(path) }
}

extension ChangeEntry {
    /// What may lie beneath an entry in the same set.
    enum Beneath {
        case anything, additionsOnly, deletionsOnly, nothing
    }

    var allowedBeneath: Beneath {
        switch kind {
        case .directory: .additionsOnly
        case .mode: base.kind == .directory ? .anything : .nothing
        case .file, .symlink, .deleted: base.kind == .directory ? .deletionsOnly : .nothing
        case .refused: .nothing
        }
    }

    /// What is wrong with the fields taken together, or nil.
    var flaw: String? {
        if let flaw = PathRules.flaw(
            path, limit: kind == .refused ? PathRules.maximumRefusedPath : PathRules.maximumPath)
        {
            return flaw
        }
        if permissions & ~0o777 != 0 || base.permissions & ~0o7777 != 0 { return "unknown permission bits" }
        if (kind == .refused) != (refusal != .none) { return "a refusal that does not fit its kind" }
        if !hasContent && size != 0 { return "content where none may be" }
        if kind == .symlink && (size == 0 || size > UInt64(PathRules.maximumPath)) {
            return "a link target of \(size) bytes"
        }
        if base.kind == .absent && base != .absent { return "an absent base with a size" }
        switch kind {
        case .directory where base.kind == .directory: return "a new directory where one was"
        case .deleted where base.kind == .absent: return "a deletion of nothing"
        case .mode where base.kind != .file && base.kind != .directory:
            return "a change of mode of neither file nor directory"
        case .directory, .file, .symlink, .deleted, .mode, .refused: return nil
        }
    }
}
