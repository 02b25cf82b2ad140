// SPDX-License-Identifier: Apache-2.0

/// How much of a document is read before it is refused.
package struct DocumentLimits: Sendable, Hashable {
    package var maximumBytes: Int
    /// Nesting of sequences and mappings; the outermost one is depth 1.
    package var maximumDepth: Int
    /// Whether `"\0"` may stand in a quoted scalar. Never for policy: such a text ends early once it is a C string.
    package var allowsEscapedNUL: Bool

    package init(maximumBytes: Int, maximumDepth: Int, allowsEscapedNUL: Bool) {
        self.maximumBytes = maximumBytes
        self.maximumDepth = maximumDepth
        self.allowsEscapedNUL = allowsEscapedNUL
    }

    /// For files that people write.
    package static let policy = DocumentLimits(maximumBytes: 256 * 1024, maximumDepth: 32, allowsEscapedNUL: false)
    /// For JSON that our own writer made: records and plans.
    package static let record = DocumentLimits(
        maximumBytes: 16 * 1024 * 1024, maximumDepth: 32, allowsEscapedNUL: true)
}

/// Refuses bytes that no later stage should have to think about, before the parser sees them.
func checkText(_ bytes: [UInt8], file: String, limits: DocumentLimits) throws(DocumentError) {
    guard bytes.count <= limits.maximumBytes else {
        throw DocumentError(
            .tooLarge, at: Place(file: file, line: 1),
            "the file has \(bytes.count) bytes, more than the \(limits.maximumBytes) that are read",
            remedy: "Split it, or remove what does not belong there.")
    }
    if let offset = bytes.firstIndex(of: 0) {
        throw DocumentError(
            .encoding, at: textPlace(of: offset, in: bytes, file: file), "there is a NUL byte",
            remedy: "Save the file as plain UTF-8 text.")
    }
    if let offset = firstInvalidUTF8(bytes) {
        throw DocumentError(
            .encoding, at: textPlace(of: offset, in: bytes, file: file), "the text is not valid UTF-8",
            remedy: "Save the file as plain UTF-8 text.")
    }
}

/// The line and column of a byte.
func textPlace(of offset: Int, in bytes: some RandomAccessCollection<UInt8>, file: String) -> Place {
    let before = bytes.prefix(offset)
    let onLine = before.reversed().prefix { $0 != 0x0A }.count
    return Place(file: file, line: before.count(where: { $0 == 0x0A }) + 1, column: onLine + 1)
}

private func firstInvalidUTF8(_ bytes: [UInt8]) -> Int? {
    if String(validating: bytes, as: UTF8.self) != nil { return nil }
    var parser = Unicode.UTF8.ForwardParser()
    var input = bytes.makeIterator()
    var offset = 0
    while true {
        switch parser.parseScalar(from: &input) {
        case .valid(let scalar): offset += scalar.count
        case .emptyInput, .error: return offset
        }
    }
}
