// SPDX-License-Identifier: Apache-2.0
import CYAML

/// libyaml's event parser over bytes that it owns a copy of.
///
/// The parser keeps a pointer to itself and to its input, so both live at addresses that do not move.
/// Events instead of libyaml's document tree: the tree resolves aliases, and an alias that names its own ancestors
/// grows without end.
struct EventStream: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>
    private let size: Int
    let file: String

    init(_ bytes: [UInt8], file: String) throws(DocumentError) {
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            throw DocumentError(
                .syntax, at: Place(file: file, line: 1), "the parser has no memory", remedy: "Free some memory.")
        }
        self.parser = parser
        self.file = file
        size = bytes.count
        input = .allocate(capacity: max(bytes.count, 1))
        _ = input.initialize(from: bytes)
        // Stated, not detected: a UTF-16 mark must not choose another reading of bytes already checked as UTF-8.
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, input.baseAddress, bytes.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        input.deallocate()
    }

    /// What a document is made of, with libyaml's memory already released.
    struct Event {
        enum Kind {
            case streamStart
            case documentStart(hasDirectives: Bool)
            case documentEnd, streamEnd
            case alias
            case scalar([UInt8], plain: Bool)
            case sequenceStart, sequenceEnd, mappingStart, mappingEnd
            case nothing
        }
        var kind: Kind
        var place: Place
        var hasAnchor = false
        var hasTag = false
    }

    /// The next event, or the parser's complaint with the place it complains about.
    mutating func next() throws(DocumentError) -> Event {
        var raw = yaml_event_t()
        guard yaml_parser_parse(parser, &raw) == 1 else { throw failure() }
        defer { yaml_event_delete(&raw) }
        var event = Event(kind: .nothing, place: place(raw.start_mark))
        switch raw.type {
        case YAML_STREAM_START_EVENT: event.kind = .streamStart
        case YAML_STREAM_END_EVENT: event.kind = .streamEnd
        case YAML_DOCUMENT_START_EVENT:
            let start = raw.data.document_start
            let tags = start.tag_directives
            event.kind = .documentStart(hasDirectives: start.version_directive != nil || tags.start != tags.end)
        case YAML_DOCUMENT_END_EVENT: event.kind = .documentEnd
        case YAML_ALIAS_EVENT: event.kind = .alias
        case YAML_SCALAR_EVENT:
            let scalar = raw.data.scalar
            let text = Array(UnsafeBufferPointer(start: scalar.value, count: scalar.length))
            event.kind = .scalar(text, plain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
            event.hasAnchor = scalar.anchor != nil
            event.hasTag = scalar.tag != nil
        case YAML_SEQUENCE_START_EVENT:
            event.kind = .sequenceStart
            event.hasAnchor = raw.data.sequence_start.anchor != nil
            event.hasTag = raw.data.sequence_start.tag != nil
        case YAML_SEQUENCE_END_EVENT: event.kind = .sequenceEnd
        case YAML_MAPPING_START_EVENT:
            event.kind = .mappingStart
            event.hasAnchor = raw.data.mapping_start.anchor != nil
            event.hasTag = raw.data.mapping_start.tag != nil
        case YAML_MAPPING_END_EVENT: event.kind = .mappingEnd
        default: event.kind = .nothing
        }
        return event
    }

    private func place(_ mark: yaml_mark_t) -> Place {
        Place(file: file, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }

    private func failure() -> DocumentError {
        let state = parser.pointee
        let problem = state.problem.map { String(cString: $0) } ?? "the text is not YAML"
        let context = state.context.map { " (\(String(cString: $0)))" } ?? ""
        // A reader error (a control character) has an offset and no mark: libyaml reads ahead of what it scans.
        let place =
            state.error == YAML_READER_ERROR
            ? textPlace(of: min(state.problem_offset, size), in: input, file: file) : place(state.problem_mark)
        return DocumentError(
            .syntax, at: place, problem + context, remedy: "Correct the YAML at that line or just above it.")
    }
}
