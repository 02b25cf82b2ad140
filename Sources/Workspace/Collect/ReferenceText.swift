// SPDX-License-Identifier: Apache-2.0

/// The three kinds of file in which git keeps references, read strictly. gitrepository-layout(5)
package enum ReferenceText {
    /// Where HEAD points.
    package enum Head: Equatable, Sendable {
        /// The name as it stands there; it may break ``ReferenceName``'s rules.
        case reference([UInt8])
        case commit(ObjectID)
    }

    /// A reference and what it names.
    package struct Reference: Equatable, Sendable {
        package let name: [UInt8]
        package let id: ObjectID

        package init(name: [UInt8], id: ObjectID) {
            self.name = name
            self.id = id
        }
    }

    /// Reads `HEAD`; nil when it is neither form.
    package static func head(_ bytes: [UInt8]) -> Head? {
        if let id = loose(bytes) { return .commit(id) }
        guard bytes.starts(with: "ref:".utf8), let line = line(bytes.dropFirst(4)) else { return nil }
        let name = line.drop { $0 == 0x20 || $0 == 0x09 }
        return name.isEmpty ? nil : .reference(Array(name))
    }

    /// Reads the file of one reference; nil when it is symbolic or anything else.
    package static func loose(_ bytes: [UInt8]) -> ObjectID? {
        line(bytes[...]).flatMap { ObjectID(String(decoding: $0, as: UTF8.self)) }
    }

    /// Reads `packed-refs`; nil when a line of it has no known form.
    package static func packed(_ bytes: [UInt8], most: Int) -> [Reference]? {
        var result: [Reference] = []
        for line in bytes.split(separator: 0x0A) {
            // Comments, and the objects behind annotated tags.
            if line.first == UInt8(ascii: "#") || line.first == UInt8(ascii: "^") { continue }
            guard line.count > 41, line[line.startIndex + 40] == 0x20, result.count < most,
                let id = ObjectID(String(decoding: line.prefix(40), as: UTF8.self))
            else { return nil }
            result.append(Reference(name: Array(line.dropFirst(41)), id: id))
        }
        return result
    }

    /// The only line of a file, without blanks behind it.
    private static func line(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var rest = bytes
        while let last = rest.last, last == 0x0A || last == 0x0D || last == 0x20 || last == 0x09 { rest.removeLast() }
        return rest.contains(0x0A) || rest.contains(0) ? nil : rest
    }
}
