// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Secrets

/// What was asked and answered, to the byte and to the piece: the basis of a replay.
///
/// It has no credential of the operator's, but everything else that went by, and so is the session's own root-owned file.
/// Beside it goes a view for readers.
struct ExchangeRecord {
    private let route: ModelRoute
    private let request: ModelRequest
    /// What went upstream instead of the request's own body.
    private let sent: [UInt8]?
    private let model: String?
    private let changes: [String]
    private var status: Int?
    private var fields: [ModelField] = []
    private var answer: [UInt8] = []
    private var sizes: [Int] = []
    private var isShort = false

    private static let longestAnswer = 4 << 20

    init(_ route: ModelRoute, _ request: ModelRequest, _ admitted: AdmittedRequest) {
        self.route = route
        self.request = request
        sent = admitted.body == request.body ? nil : admitted.body
        model = admitted.model
        changes = admitted.changes
    }

    mutating func begin(_ status: Int, _ fields: [ModelField]) {
        self.status = status
        self.fields = fields
    }

    mutating func append(_ bytes: [UInt8]) {
        guard answer.count + bytes.count <= Self.longestAnswer else {
            isShort = true
            return
        }
        answer += bytes
        sizes.append(bytes.count)
    }

    /// Fields of a request that an answer depends on.
    private static let telling: Set<String> = ["anthropic-version", "anthropic-beta", "openai-beta", "content-type"]

    func write(number: UInt64, isWhole: Bool, to broker: ModelBroker) {
        func list(_ fields: [ModelField]) -> JSON {
            .array(fields.map { .array([.string($0.name.lowercased()), .string($0.value)]) })
        }
        var members = broker.record.head.members
        members += [
            .init("number", .number(number)), .init("api", .string(route.api.rawValue)),
            .init("method", .string(request.method)),
            .init("target", .string(request.target)), .init("model", .optional(model)),
            .init("fields", list(request.fields.filter { Self.telling.contains($0.name.lowercased()) })),
        ]
        members += Self.text("request", request.body)
        if let sent { members += Self.text("sent", sent) }
        if !changes.isEmpty { members.append(.init("changes", .array(changes.map { .string($0) }))) }
        members += [.init("status", .optional(status)), .init("answer_fields", list(fields))]
        members += Self.text("answer", answer)
        members += [
            .init("sizes", .array(sizes.map { .int($0) })), .init("whole", .bool(isWhole && !isShort)),
        ]
        broker.record.append(JSONWriter().write(.object(members)) + [0x0A])
        broker.transcript.append(JSONWriter().write(.object(broker.transcript.head.mark + view(number))) + [0x0A])
    }

    private static let longestView = 256 << 10

    /// The same for readers: without what looks like a credential, and cut.
    private func view(_ number: UInt64) -> [JSON.Member] {
        func text(_ bytes: [UInt8]) -> JSON {
            .string(Redactor.redacted(String(decoding: bytes.prefix(Self.longestView), as: UTF8.self)))
        }
        return [
            .init("number", .number(number)), .init("api", .string(route.api.rawValue)),
            .init("model", .optional(model)), .init("status", .optional(status)),
            .init("request", text(request.body)), .init("answer", text(answer)),
            .init("cut", .bool(max(request.body.count, answer.count) > Self.longestView || isShort)),
        ]
    }

    /// As text where it is that, so that a person can read it; else in hexadecimal digits.
    private static func text(_ name: String, _ bytes: [UInt8]) -> [JSON.Member] {
        if let text = String(validating: bytes, as: UTF8.self) { return [.init(name, .string(text))] }
        let digits = Array("0123456789abcdef".utf8)
        var hex: [UInt8] = []
        hex.reserveCapacity(bytes.count * 2)
        for byte in bytes { hex += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        return [.init(name + "_hex", .string(String(decoding: hex, as: UTF8.self)))]
    }
}
