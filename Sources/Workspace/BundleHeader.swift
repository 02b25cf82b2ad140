// SPDX-License-Identifier: Apache-2.0

/// The lines before the pack of a git bundle, read strictly: version 2, one prerequisite at most, one reference.
///
///     # v2 git bundle\n
///     -<40 hex>[ comment]\n        the base commit, which the receiver has
///     <40 hex> <reference>\n       the branch it brings
///     \n
///     PACK...
///
/// - SeeAlso: gitformat-bundle(5).
package struct BundleHeader: Equatable, Sendable {
    /// Nil for a bundle that needs nothing.
    package let prerequisite: ObjectID?
    package let tip: ObjectID
    package let reference: String
    /// Where the pack starts.
    package let length: Int

    /// A comment holds the subject of a commit, so the header is bounded and its length is no surprise.
    package static let longest = 8192

    /// Why bytes are no header that we take.
    package enum Flaw: Error, Equatable, Sendable {
        case truncated
        case tooLong
        case notVersion2
        case malformedLine
        case prerequisites(Int)
        case references(Int)

        package var reason: String {
            switch self {
            case .truncated: "its header has no end"
            case .tooLong: "its header is longer than \(BundleHeader.longest) bytes"
            case .notVersion2: "it is no version 2 bundle"
            case .malformedLine: "a line of its header is malformed"
            case .prerequisites(let count): "it names \(count) prerequisites, not one at most"
            case .references(let count): "it names \(count) references, not one"
            }
        }
    }

    /// Reads the header at the start of some bytes; at most ``longest`` of them are looked at.
    package init(_ bytes: [UInt8]) throws(Flaw) {
        var position = 0
        func line() throws(Flaw) -> ArraySlice<UInt8> {
            let window = bytes[position..<min(bytes.count, Self.longest)]
            guard let end = window.firstIndex(of: 0x0A) else {
                throw bytes.count >= Self.longest ? .tooLong : .truncated
            }
            defer { position = end + 1 }
            return bytes[position..<end]
        }
        guard bytes.starts(with: "# v2 git bundle\n".utf8) else {
            throw bytes.count < 16 ? .truncated : .notVersion2
        }
        _ = try line()
        var prerequisites: [ObjectID] = []
        var references: [(ObjectID, String)] = []
        while true {
            let text = try line()
            if text.isEmpty { break }
            if text.first == UInt8(ascii: "-") {
                // git writes prerequisites first; another order is not git's.
                guard references.isEmpty, let id = Self.id(text.dropFirst().prefix(40)),
                    text.count == 41 || text[text.startIndex + 41] == 0x20
                else { throw .malformedLine }
                prerequisites.append(id)
            } else {
                guard text.count > 41, let id = Self.id(text.prefix(40)), text[text.startIndex + 40] == 0x20,
                    PrintableText.isPrintable(text)
                else { throw .malformedLine }
                references.append((id, String(decoding: text.dropFirst(41), as: UTF8.self)))
            }
        }
        guard prerequisites.count <= 1 else { throw .prerequisites(prerequisites.count) }
        guard references.count == 1 else { throw .references(references.count) }
        prerequisite = prerequisites.first
        (tip, reference) = references[0]
        length = position
    }

    /// The header of a bundle that we write.
    package static func encoded(prerequisite: ObjectID?, tip: ObjectID, reference: String) -> [UInt8] {
        let needed = prerequisite.map { "-\($0)\n" } ?? ""
        return Array("# v2 git bundle\n\(needed)\(tip) \(reference)\n\n".utf8)
    }

    private static func id(_ bytes: ArraySlice<UInt8>) -> ObjectID? {
        ObjectID(String(decoding: bytes, as: UTF8.self))
    }
}
