// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What a step says of itself when it is over.
///
/// An error without a message cannot be said, nor a success with one.
package enum StepOutput: Sendable, Hashable {
    /// An object, in the order written.
    case success(metadata: JSON)
    case failed(message: String, metadata: JSON)
    /// It had nothing to do, and why, where it says so.
    case skipped(reason: String?, metadata: JSON)

    package var status: String {
        switch self {
        case .success: "success"
        case .failed: "failed"
        case .skipped: "skipped"
        }
    }

    package var metadata: JSON {
        switch self {
        case .success(let metadata), .failed(_, let metadata), .skipped(_, let metadata): metadata
        }
    }

    package var message: String? {
        switch self {
        case .success: nil
        case .failed(let message, _): message
        case .skipped(let reason, _): reason
        }
    }

    /// The form in which it is stored, handed to later steps, and read again.
    package var json: JSON {
        var members: [JSON.Member] = [.init("status", .string(status)), .init("metadata", metadata)]
        if let message { members.append(.init("error", .string(message))) }
        return .object(members)
    }

    /// Bytes of metadata as they are stored: compact JSON.
    package static let longestMetadata = 10_240
    package static let longestMessage = 4000
    /// Bytes of a whole document, blanks included.
    package static let longestDocument = 65_536
    package static let deepest = 16
    package static let mostValues = 4000

    /// Why the bytes of a step are no output. None of these is worth another attempt.
    package enum Flaw: Error, Sendable, Hashable, CustomStringConvertible {
        case oversize(String)
        case malformed(String)

        package var description: String {
            switch self {
            case .oversize(let what): "its output is too large: \(what)"
            case .malformed(let what): "its output is malformed: \(what)"
            }
        }
    }

    /// Reads what a step wrote to standard output: one JSON object, nothing before it and nothing behind it.
    ///
    /// The bytes come from a sandbox. Unknown members are refused: a step that claims to be another, or an attempt that it
    /// is not, is told so instead of being half believed.
    package init(_ bytes: [UInt8]) throws(Flaw) {
        guard bytes.count <= Self.longestDocument else {
            throw .oversize("more than \(Self.longestDocument) bytes")
        }
        guard bytes.contains(where: { $0 > 0x20 }) else { throw .malformed("there is nothing on standard output") }
        let root: JSONValue
        do throws(JSONText.Flaw) {
            root = try JSONText(bytes, limits: .init(depth: Self.deepest, values: Self.mostValues)).root
        } catch {
            throw .malformed("\(error.reason) at byte \(error.offset)")
        }
        guard root.kind == .object else { throw .malformed("it is no object") }
        let known = ["status", "metadata", "error"]
        if let other = root.members.first(where: { !known.contains($0.name) }) {
            throw .malformed("it has an unknown member \"\(String(other.name.displayed.prefix(100)))\"")
        }
        let metadata = try Self.metadata(root["metadata"])
        let message = try Self.message(root["error"])
        switch (root["status"]?.string, message) {
        case ("success", nil): self = .success(metadata: metadata)
        case ("success", _?): throw .malformed("it is a success with an error")
        case ("failed", let message?): self = .failed(message: message, metadata: metadata)
        case ("failed", nil): throw .malformed("it failed and does not say why (\"error\")")
        case ("skipped", let reason): self = .skipped(reason: reason, metadata: metadata)
        default: throw .malformed("\"status\" is none of success, failed and skipped")
        }
    }

    private static func metadata(_ value: JSONValue?) throws(Flaw) -> JSON {
        guard let value else { return .object([]) }
        guard value.kind == .object else { throw .malformed("\"metadata\" is no object") }
        let json: JSON
        do throws(JSONParser.Failure) { json = try JSONParser.parse(Array(value.bytes)) } catch {
            throw .malformed("\(error.reason) in \"metadata\"")
        }
        let size = JSONWriter().write(json).count
        guard size <= longestMetadata else {
            throw .oversize(
                "\"metadata\" has \(size) bytes, more than \(longestMetadata); store what is large elsewhere and name it"
            )
        }
        return json
    }

    private static func message(_ value: JSONValue?) throws(Flaw) -> String? {
        guard let value, !value.isNull else { return nil }
        guard let text = value.string, text.utf8.contains(where: { $0 > 0x20 }) else {
            throw .malformed("\"error\" is no text")
        }
        guard text.utf8.count <= longestMessage else {
            throw .oversize("\"error\" has more than \(longestMessage) bytes")
        }
        return text
    }
}
