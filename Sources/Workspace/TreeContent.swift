// SPDX-License-Identifier: Apache-2.0

/// The bytes of one tree object, judged entry by entry.
package struct TreeContent {
    private let bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// A name in a tree and what it stands for.
    package struct Entry: Equatable, Sendable {
        package let name: [UInt8]
        package let mode: UInt32
        package let id: ObjectID

        package init(name: [UInt8], mode: UInt32, id: ObjectID) {
            self.name = name
            self.mode = mode
            self.id = id
        }

        package var isTree: Bool { mode == 0o040000 }
        package var isSymlink: Bool { mode == 0o120000 }
        package var isSubmodule: Bool { mode == 0o160000 }
    }

    /// Why the tree is refused, nil when it is fine.
    package func flaw(_ submodules: TreeEntryRule.Submodules = .refused) -> String? {
        var names: Set<[UInt8]> = []
        var found: String?
        let form = walk { name, mode, _ in
            if let flaw = TreeEntryRule.flaw(name: name, mode: mode, submodules: submodules) {
                found = "has an entry \"\(PrintableText.escaped(name, longest: 300))\" that \(flaw)"
            } else if !names.insert(name).inserted {
                found = "has two entries named \"\(PrintableText.escaped(name, longest: 300))\""
            }
            return found == nil
        }
        return found ?? form
    }

    /// Every entry; nil when the bytes are no tree.
    package func entries() -> [Entry]? {
        var result: [Entry] = []
        let flaw = walk { name, mode, id in
            result.append(Entry(name: name, mode: mode, id: ObjectID(bytes: id)))
            return true
        }
        return flaw == nil ? result : nil
    }

    /// The bytes of a tree with these entries, in git's order: a directory sorts as if its name ended with a slash.
    package static func encoded(_ entries: [Entry]) -> [UInt8] {
        func key(_ entry: Entry) -> [UInt8] { entry.isTree ? entry.name + [0x2F] : entry.name }
        var result: [UInt8] = []
        for entry in entries.sorted(by: { key($0).lexicographicallyPrecedes(key($1)) }) {
            result += Array(String(entry.mode, radix: 8).utf8) + [0x20] + entry.name + [0] + entry.id.bytes
        }
        return result
    }

    /// Calls back for each entry until that returns false; says what is wrong with the form.
    private func walk(_ entry: (_ name: [UInt8], _ mode: UInt32, _ id: ArraySlice<UInt8>) -> Bool) -> String? {
        var position = 0
        while position < bytes.count {
            guard let space = bytes[position...].prefix(7).firstIndex(of: 0x20), space > position,
                let mode = mode(bytes[position..<space])
            else { return "has an entry without a mode" }
            guard let end = bytes[space...].firstIndex(of: 0), end + 20 < bytes.count else {
                return "has an entry that is cut short"
            }
            guard entry(Array(bytes[(space + 1)..<end]), mode, bytes[(end + 1)...(end + 20)]) else { return nil }
            position = end + 21
        }
        return nil
    }

    private func mode(_ digits: ArraySlice<UInt8>) -> UInt32? {
        var value: UInt32 = 0
        for digit in digits {
            guard (0x30...0x37).contains(digit) else { return nil }
            value = value << 3 | UInt32(digit - 0x30)
        }
        return value
    }
}
