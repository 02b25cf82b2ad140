// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// One line of a model-record.jsonl, read back.
struct ReplayRecord {
    let number: Int
    let family: ModelAPI.Family
    let method: String
    let target: String
    let request: [UInt8]
    /// What the session's broker made of it, where that was something else: a replay may stand behind another broker.
    let sent: [UInt8]?
    let status: Int
    let fields: [ModelField]
    /// The pieces in which the answer came.
    let pieces: [ArraySlice<UInt8>]
    let isWhole: Bool

    struct Flaw: Error, CustomStringConvertible {
        let description: String
    }

    /// Reads a whole file; a request that was never answered is left out.
    static func read(_ bytes: [UInt8], file: String) throws(Flaw) -> [ReplayRecord] {
        var records: [ReplayRecord] = []
        for (index, line) in bytes.split(separator: 0x0A).enumerated() {
            let json: JSON
            do throws(JSONParser.Failure) { json = try JSONParser.parse(Array(line)) } catch {
                throw Flaw(
                    description: "cannot read \(file.displayed):\(index + 1): \(error.reason). It must be a "
                        + "session's model-record.jsonl.")
            }
            if json["status"]?.isNull ?? false { continue }
            guard let record = ReplayRecord(json) else {
                throw Flaw(
                    description: "cannot read \(file.displayed):\(index + 1): it is no line of a record. It must be "
                        + "a session's model-record.jsonl.")
            }
            records.append(record)
        }
        return records.sorted { $0.number < $1.number }
    }

    /// Nil when this body asks what was asked then, of the broker or of the vendor.
    func divergence(asked: [UInt8]) -> Divergence? {
        guard let found = Divergence.first(recorded: request, asked: asked) else { return nil }
        guard let sent else { return found }
        return Divergence.first(recorded: sent, asked: asked)
    }

    private init?(_ json: JSON) {
        guard let number = json["number"]?.intValue,
            let api = json["api"]?.stringValue.flatMap({ ModelAPI(rawValue: $0) }),
            let method = json["method"]?.stringValue, let target = json["target"]?.stringValue,
            let status = json["status"]?.intValue, (100..<1000).contains(status),
            let request = Self.bytes("request", json), let answer = Self.bytes("answer", json),
            let sizes = json["sizes"]?.arrayValue?.map({ $0.intValue ?? 0 }), sizes.allSatisfy({ $0 > 0 }),
            sizes.reduce(0, +) == answer.count, let isWhole = json["whole"]?.boolValue,
            let fields = json["answer_fields"]?.arrayValue
        else { return nil }
        self.number = number
        family = api.family
        self.method = method
        self.target = target
        self.request = request
        sent = Self.bytes("sent", json)
        self.status = status
        self.isWhole = isWhole
        var pieces: [ArraySlice<UInt8>] = []
        var start = 0
        for size in sizes {
            pieces.append(answer[start..<start + size])
            start += size
        }
        self.pieces = pieces
        self.fields = fields.compactMap { field in
            let pair = field.arrayValue?.compactMap { $0.stringValue } ?? []
            return pair.count == 2 ? ModelField(pair[0], pair[1]) : nil
        }
    }

    private static func bytes(_ name: String, _ json: JSON) -> [UInt8]? {
        if let text = json[name]?.stringValue { return Array(text.utf8) }
        guard let digits = json[name + "_hex"]?.stringValue.map({ Array($0.utf8) }), digits.count.isMultiple(of: 2)
        else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        return bytes
    }
}
