// SPDX-License-Identifier: Apache-2.0

extension JSON {
    /// Reads back what ``JSONWriter`` wrote: a record, a plan, a result.
    ///
    /// For files of our own only. It is the strict YAML reader underneath, so it also accepts some text that is not
    /// JSON; bytes from inside a sandbox never come here.
    package static func read(
        _ bytes: [UInt8], file: String, limits: DocumentLimits = .record
    ) throws(DocumentError) -> JSON {
        try JSON(try Node.read(bytes, file: file, limits: limits))
    }

    /// A document's node as a JSON value; a plain scalar must be a number, `true`, `false` or `null`.
    package init(_ node: Node) throws(DocumentError) {
        switch node.value {
        case .scalar(let text, .quoted): self = .string(text)
        case .scalar(let text, .plain):
            guard let value = JSON(plain: text) else {
                throw DocumentError(
                    .wrongType, at: node.place, "\"\(text)\" is neither a number, true, false nor null",
                    remedy: "Put quotes round a string.")
            }
            self = value
        case .sequence(let items):
            var elements: [JSON] = []
            for item in items { elements.append(try JSON(item)) }
            self = .array(elements)
        case .mapping(let entries):
            var members: [Member] = []
            for entry in entries { members.append(Member(entry.key, try JSON(entry.value))) }
            self = .object(members)
        }
    }

    private init?(plain text: String) {
        switch text {
        case "null": self = .null
        case "true": self = .bool(true)
        case "false": self = .bool(false)
        default:
            // Swift's own number parsers also take "+1", "inf" and "0x1p3", which are not JSON.
            guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }),
                let first = text.utf8.first, first != UInt8(ascii: "+"), first != UInt8(ascii: ".")
            else { return nil }
            if let number = Int(text) {
                self = .int(number)
            } else if let number = Double(text), number.isFinite {
                self = .double(number)
            } else {
                return nil
            }
        }
    }
}
