// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import LinuxSystem

/// The head of a vendor's answer, as far as it matters here.
package struct ModelAnswerHead: Sendable, Equatable {
    package var status: Int
    package var fields: [ModelField]

    package init(status: Int, fields: [ModelField]) {
        self.status = status
        self.fields = fields
    }

    /// The values of a field, whatever the case of its name.
    package func values(_ name: String) -> [String] { fields.filter { $0.name.lowercased() == name }.map(\.value) }
}

/// Reads what an answer used while the answer passes by, in whatever pieces it comes.
///
/// It holds no more than one event, one frame or one body of ``longestBody``; what is larger is passed over, and then the
/// count is not believed. It never changes or holds up what the client gets.
package struct UsageMeter: Sendable {
    package static let longestBody = 8 << 20
    /// Nesting of an answer's JSON.
    private static let deepest = 96

    private enum Form {
        case events(EventReader)
        case frames(FrameReader)
        case whole([UInt8])
        /// Nothing that could be read, or nothing more.
        case unread
    }

    private let request: AdmittedRequest
    private let shape: UsageShape
    private let isRefusal: Bool
    private var form: Form
    private var count = UsageCount()
    private var isFinal = false
    private var isDone = false

    package init(_ request: AdmittedRequest, _ head: ModelAnswerHead) {
        self.request = request
        shape = UsageShape(request.route)
        // Vendors charge nothing for what they refuse.
        isRefusal = !(200..<300).contains(head.status)
        let type = head.values("content-type").first?.lowercased().prefix { $0 != ";" && $0 != " " }
        switch type {
        case _ where isRefusal || !request.route.isMetered: form = .unread
        case "text/event-stream"?: form = .events(EventReader())
        case "application/vnd.amazon.eventstream"?: form = .frames(FrameReader())
        default: form = .whole([])
        }
        if head.values("content-encoding").contains(where: { $0.lowercased() != "identity" }) {
            form = .unread
            count.flaw(.malformed)
        }
        noteBedrockFields(head)
    }

    /// Takes the next bytes of the body, framing taken off.
    package mutating func feed(_ bytes: Span<UInt8>) {
        switch form {
        case .unread: return
        case .whole(var body):
            form = .unread
            if body.count + bytes.count <= Self.longestBody {
                for index in bytes.indices { body.append(bytes[index]) }
                form = .whole(body)
            } else {
                count.flaw(.tooLong)
            }
        case .events(var reader):
            form = .unread
            for index in bytes.indices { if let event = reader.take(bytes[index]) { take(event: event) } }
            if reader.wasTooLong { count.flaw(.tooLong) }
            form = .events(reader)
        case .frames(var reader):
            form = .unread
            do throws(FrameReader.Flaw) {
                for index in bytes.indices { if let frame = try reader.take(bytes[index]) { take(frame: frame) } }
                form = .frames(reader)
            } catch {
                count.flaw(error == .tooLong ? .tooLong : .malformed)
            }
        }
    }

    package mutating func feed(_ bytes: [UInt8]) { feed(bytes.span) }

    /// What is known when the body has ended.
    ///
    /// - Parameter cut: The connection ended before the body did.
    package mutating func end(cut: Bool) -> MeterReading {
        switch form {
        case .whole(let body): if !body.isEmpty { take(body, isWhole: true, mayBeCut: cut) }
        case .events(var reader): if let event = reader.end() { take(event: event, mayBeCut: true) }
        case .frames, .unread: break
        }
        form = .unread
        let (usage, isConsistent) = count.usage(includesCache: shape.includesCache, mayCacheLong: request.mayCacheLong)
        var flaws = count.flaws
        if !isConsistent { flaws.insert(.inconsistent) }
        if !count.isThere || usage.prompt + usage.output == 0 {
            flaws.insert(.none)
        } else if !isFinal, cut || !isDone {
            flaws.insert(.cut)
        }
        return MeterReading(
            usage: usage, flaws: isRefusal ? [] : flaws, answeredModel: count.model, isOtherModel: isOtherModel,
            isRefusal: isRefusal)
    }

    // MARK: Pieces

    private static let telling = [Needle("sage"), Needle("Metrics"), Needle("message_stop")]

    private mutating func take(event data: [UInt8], mayBeCut: Bool = false) {
        if data.elementsEqual("[DONE]".utf8) {
            isDone = true
            return
        }
        // Most events are a few words of text, and are not worth reading.
        guard Self.telling.contains(where: { $0.isIn(data) }) else { return }
        take(data, isWhole: false, mayBeCut: mayBeCut)
    }

    private mutating func take(frame: FrameReader.Frame) {
        guard frame.headers[":message-type"] == "event" else { return }
        guard frame.headers[":event-type"] == "chunk" else { return take(event: frame.payload) }
        // Invoke wraps the model's own events.
        do throws(JSONText.Flaw) {
            let text = try JSONText(frame.payload, limits: .init(depth: 4))
            guard let wrapped = text.root["bytes"]?.string, let event = Base64.decode(wrapped.utf8) else {
                return count.flaw(.malformed)
            }
            take(event: event)
        } catch { count.flaw(.malformed) }
    }

    private mutating func take(_ bytes: [UInt8], isWhole: Bool, mayBeCut: Bool) {
        do throws(JSONText.Flaw) {
            let text = try JSONText(bytes, limits: .init(depth: Self.deepest))
            let progress = shape.read(text.root, isWhole: isWhole, into: &count)
            if progress == .final { isFinal = true }
        } catch {
            if !mayBeCut { count.flaw(.malformed) }
        }
    }

    /// The counts that AWS writes into the head of a plain answer.
    private mutating func noteBedrockFields(_ head: ModelAnswerHead) {
        guard request.route.operation == .invoke, !isRefusal else { return }
        let fields: [(UsageCount.Counter, String)] = [
            (.input, "input"), (.output, "output"), (.cacheRead, "cache-read-input"),
            (.cacheWrite, "cache-write-input"),
        ]
        for (counter, name) in fields {
            for value in head.values("x-amzn-bedrock-\(name)-token-count") {
                guard let number = Int(value), (0...1_000_000_000).contains(number) else {
                    count.flaw(.absurd)
                    continue
                }
                count.note(counter, number)
                if counter == .output { isFinal = true }
            }
        }
    }

    /// A vendor answers with a dated form of the name, and AWS has the name inside a longer one.
    private var isOtherModel: Bool {
        guard let answered = count.model, let asked = request.model else { return false }
        let name = answered.hasPrefix("models/") ? String(answered.dropFirst(7)) : answered
        let stem = asked.hasSuffix("-latest") ? String(asked.dropLast(7)) : asked
        if name == asked || request.route.api == .bedrock && asked.contains(name) { return false }
        guard name.hasPrefix(stem + "-") else { return true }
        let date = name.utf8.dropFirst(stem.utf8.count + 1).filter { $0 != UInt8(ascii: "-") }
        return !((6...8).contains(date.count) && date.allSatisfy { (0x30...0x39).contains($0) })
    }
}
