// SPDX-License-Identifier: Apache-2.0

extension Node {
    /// Reads one strict YAML document.
    ///
    /// Refused, each with its line: syntax errors, duplicate keys, anchors, aliases, tags, directives, merge keys, keys
    /// that are not text, a second document, nesting or size over `limits`, NUL and invalid UTF-8. JSON is a subset
    /// of what is accepted, with one difference: a pair of surrogate escapes is an error, since libyaml does not
    /// join them. Our own writer never makes one.
    ///
    /// - Parameter file: How messages name the document; nothing is opened.
    package static func read(
        _ bytes: [UInt8], file: String, limits: DocumentLimits = .policy
    ) throws(DocumentError) -> Node {
        try checkText(bytes, file: file, limits: limits)
        var reader = DocumentReader(events: try EventStream(bytes, file: file), limits: limits)
        return try reader.readDocument()
    }
}

private struct DocumentReader: ~Copyable {
    var events: EventStream
    let limits: DocumentLimits

    mutating func readDocument() throws(DocumentError) -> Node {
        _ = try events.next()  // The start of the stream carries nothing but the encoding.
        let start = try events.next()
        guard case .documentStart(let hasDirectives) = start.kind else {
            throw DocumentError(
                .empty, at: start.place, "the document is empty", remedy: "Write at least the required keys.")
        }
        if hasDirectives { throw unsupported("a % directive", at: start.place) }
        let root = try readNode(try events.next(), depth: 1)
        _ = try events.next()  // The end of this document.
        let end = try events.next()
        guard case .streamEnd = end.kind else {
            throw unsupported("a second document", at: end.place)
        }
        return root
    }

    private mutating func readNode(_ event: EventStream.Event, depth: Int) throws(DocumentError) -> Node {
        if event.hasAnchor { throw unsupported("an anchor (&name)", at: event.place) }
        if event.hasTag { throw unsupported("a tag (!name)", at: event.place) }
        switch event.kind {
        case .scalar(let text, let plain):
            return Node(.scalar(try scalarText(text, at: event.place), plain ? .plain : .quoted), place: event.place)
        case .sequenceStart:
            try checkDepth(depth, at: event.place)
            return Node(.sequence(try readItems(depth: depth)), place: event.place)
        case .mappingStart:
            try checkDepth(depth, at: event.place)
            return Node(.mapping(try readEntries(depth: depth)), place: event.place)
        case .alias:
            throw unsupported("an alias (*name)", at: event.place)
        case .streamStart, .documentStart, .documentEnd, .streamEnd, .sequenceEnd, .mappingEnd, .nothing:
            throw DocumentError(
                .syntax, at: event.place, "a value is missing", remedy: "Write the value or remove its key.")
        }
    }

    private mutating func readItems(depth: Int) throws(DocumentError) -> [Node] {
        var items: [Node] = []
        while true {
            let event = try events.next()
            if case .sequenceEnd = event.kind { return items }
            items.append(try readNode(event, depth: depth + 1))
        }
    }

    private mutating func readEntries(depth: Int) throws(DocumentError) -> [Node.Entry] {
        var entries: [Node.Entry] = []
        var firstPlace: [[UInt8]: Place] = [:]  // By bytes: String equality would merge canonical equivalents.
        while true {
            let event = try events.next()
            if case .mappingEnd = event.kind { return entries }
            let keyNode = try readNode(event, depth: depth + 1)
            guard case .scalar(let key, let style) = keyNode.value else {
                throw unsupported("\(keyNode.kind) as a key", at: event.place)
            }
            if key == "<<", style == .plain { throw unsupported("a merge key (<<)", at: event.place) }
            if let earlier = firstPlace.updateValue(event.place, forKey: Array(key.utf8)) {
                throw DocumentError(
                    .duplicateKey, at: event.place, "key \"\(key)\" stands here a second time, first at \(earlier)",
                    remedy: "Keep one of the two.")
            }
            let value = try readNode(try events.next(), depth: depth + 1)
            entries.append(Node.Entry(key: key, keyPlace: event.place, value: value))
        }
    }

    private func checkDepth(_ depth: Int, at place: Place) throws(DocumentError) {
        guard depth <= limits.maximumDepth else {
            throw DocumentError(
                .tooDeep, at: place, "lists and mappings are nested deeper than \(limits.maximumDepth)",
                remedy: "Flatten the document.")
        }
    }

    private func scalarText(_ bytes: [UInt8], at place: Place) throws(DocumentError) -> String {
        if !limits.allowsEscapedNUL, bytes.contains(0) {
            throw DocumentError(.encoding, at: place, "the value holds an escaped NUL", remedy: "Remove it.")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw DocumentError(
                .encoding, at: place, "an escape makes invalid text", remedy: "Write the character itself.")
        }
        return text
    }

    private func unsupported(_ what: String, at place: Place) -> DocumentError {
        DocumentError(
            .unsupported, at: place, "\(what) is not accepted here",
            remedy: "Write each value out in full, where it is used.")
    }
}
