// SPDX-License-Identifier: Apache-2.0

/// The bytes of one tree object, judged entry by entry.
package struct TreeContent {
    private let bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Why the tree is refused, nil when it is fine.
    package func flaw(_ submodules: TreeEntryRule.Submodules = .refused) -> String? {
        var position = 0
        var names: Set<[UInt8]> = []
        while position < bytes.count {
            guard let space = bytes[position...].prefix(7).firstIndex(of: 0x20), space > position,
                let mode = mode(bytes[position..<space])
            else { return "has an entry without a mode" }
            guard let end = bytes[space...].firstIndex(of: 0), end + 20 < bytes.count else {
                return "has an entry that is cut short"
            }
            let name = Array(bytes[(space + 1)..<end])
            if let flaw = TreeEntryRule.flaw(name: name, mode: mode, submodules: submodules) {
                return "has an entry \"\(PrintableText.escaped(name, longest: 300))\" that \(flaw)"
            }
            guard names.insert(name).inserted else {
                return "has two entries named \"\(PrintableText.escaped(name, longest: 300))\""
            }
            position = end + 21
        }
        return nil
    }

    /// The objects that the entries name, submodules left out; for a tree without a flaw.
    func names() -> [ObjectID] {
        var position = 0
        var found: [ObjectID] = []
        while position < bytes.count, let space = bytes[position...].firstIndex(of: 0x20),
            let end = bytes[space...].firstIndex(of: 0), end + 20 < bytes.count
        {
            if mode(bytes[position..<space]) != 0o160000 {
                found.append(ObjectID(octets: bytes[(end + 1)...(end + 20)]))
            }
            position = end + 21
        }
        return found
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
