// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Brokers

@Suite("what an answer used")
struct UsageMeterTests {
    static let use = TokenUsage(
        input: 100, output: 40, cacheRead: 1000, cacheWrite: 50, cacheWriteLong: 7, reasoning: 12, toolCalls: 2)

    private func read(
        _ request: AdmittedRequest, _ head: ModelAnswerHead, _ pieces: [[UInt8]], cut: Bool = false
    ) -> MeterReading {
        var meter = UsageMeter(request, head)
        for piece in pieces { meter.feed(piece) }
        return meter.end(cut: cut)
    }

    @Test("is read from each API, plain and streaming, whole and byte by byte", arguments: AnswerShape.allCases)
    func shapes(_ shape: AnswerShape) throws {
        let request = try shape.admitted()
        let body = shape.body(Self.use)
        for pieces in [[body], body.map { [$0] }] {
            let reading = read(request, shape.head, pieces)
            #expect(reading.isBelieved, "\(reading.flaws)")
            #expect(reading.usage == shape.told(Self.use))
            #expect(!reading.isOtherModel && !reading.isRefusal)
        }
        // Without this a meter that reads nothing and charges nothing would pass.
        let outcome = request.outcome(of: read(request, shape.head, [body]))
        #expect(outcome == .charged(request.prices!.cost(of: shape.told(Self.use))))
    }

    @Test(
        "a stream that is cut anywhere is counted whole, or charged at the estimate at least",
        arguments: AnswerShape.allCases)
    func cuts(_ shape: AnswerShape) throws {
        let request = try shape.admitted()
        let body = shape.body(Self.use)
        let whole = try #require(request.prices).cost(of: shape.told(Self.use))
        var believed = 0
        for length in 0..<body.count {
            let reading = read(request, shape.head, [Array(body[..<length])], cut: true)
            guard case .charged(let cost) = request.outcome(of: reading) else {
                Issue.record("cut at \(length) is not charged")
                continue
            }
            if reading.isBelieved {
                believed += 1
                #expect(reading.usage == shape.told(Self.use), "cut at \(length)")
                #expect(cost == whole)
            } else {
                #expect(cost >= request.estimate, "cut at \(length)")
                #expect(cost >= request.prices!.cost(of: reading.usage), "cut at \(length)")
            }
        }
        // Only the end of the framing may be missing from one that is believed.
        #expect(believed < 60 + (shape == .chatStream ? 20 : 0), "\(believed) of \(body.count)")
    }

    @Test("does not depend on the pieces in which an answer comes", arguments: AnswerShape.allCases)
    func pieces(_ shape: AnswerShape) throws {
        let request = try shape.admitted()
        let body = shape.body(Self.use, text: String(repeating: "words \\\"usage\\\" ", count: 50))
        var drawn = Drawn(7)
        for _ in 0..<200 {
            var rest = body[...]
            var pieces: [[UInt8]] = []
            while !rest.isEmpty {
                let count = min(rest.count, 1 + drawn.next(1 + drawn.next(300)))
                pieces.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            let reading = read(request, shape.head, pieces)
            #expect(reading.isBelieved && reading.usage == shape.told(Self.use))
        }
    }

    @Test("is found whatever the line ends, comments and fields of a stream", arguments: ["\n", "\r", "\r\n"])
    func lineEnds(_ end: String) throws {
        let request = try AnswerShape.chatStream.admitted()
        let usage = #"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}}"#
        let middle = usage.index(usage.startIndex, offsetBy: 14)
        let text =
            "\u{FEFF}: comment\(end)data\(end)\(end)id: 1\(end)retry:5\(end)event:x\(end)data:\(usage[..<middle])\(end)"
            + "data:\(usage[middle...])\(end)\(end)data:[DONE]\(end)\(end)"
        for pieces in [[Array(text.utf8)], text.utf8.map { [$0] }] {
            let reading = read(request, AnswerShape.chatStream.head, pieces)
            #expect(reading.usage == TokenUsage(input: 9, output: 4) && reading.isBelieved, "\(reading)")
        }
    }

    struct Lie: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let shape: AnswerShape
        let body: String
        let flaw: MeterReading.Flaw

        init(_ description: String, _ shape: AnswerShape, _ flaw: MeterReading.Flaw, _ body: String) {
            (testDescription, self.shape, self.body, self.flaw) = (description, shape, body, flaw)
        }
    }

    static let lies = [
        Lie("no body", .anthropicPlain, .none, ""), Lie("no count", .anthropicPlain, .none, #"{"type":"message"}"#),
        Lie("null", .chatPlain, .none, #"{"usage":null}"#),
        Lie("zero", .chatPlain, .none, #"{"usage":{"prompt_tokens":0,"completion_tokens":0}}"#),
        Lie("negative", .chatPlain, .negative, #"{"usage":{"prompt_tokens":9,"completion_tokens":-4}}"#),
        Lie("a fraction", .chatPlain, .absurd, #"{"usage":{"prompt_tokens":9,"completion_tokens":4.5}}"#),
        Lie("a text", .chatPlain, .absurd, #"{"usage":{"prompt_tokens":9,"completion_tokens":"4"}}"#),
        Lie("too large", .chatPlain, .absurd, #"{"usage":{"prompt_tokens":9,"completion_tokens":1000000001}}"#),
        Lie(
            "beyond a number", .chatPlain, .absurd,
            #"{"usage":{"prompt_tokens":9,"completion_tokens":99999999999999999999}}"#),
        Lie(
            "more cached than read", .chatPlain, .inconsistent,
            #"{"usage":{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":10}}}"#),
        Lie(
            "parts over the whole", .anthropicPlain, .inconsistent,
            #"{"type":"message","usage":{"input_tokens":9,"output_tokens":4,"cache_creation_input_tokens":1,"cache_creation":{"ephemeral_5m_input_tokens":2}}}"#
        ), Lie("no JSON", .responsesPlain, .malformed, "usage"),
        Lie("a name twice", .responsesPlain, .malformed, #"{"usage":{"input_tokens":9},"usage":{"input_tokens":1}}"#),
        Lie(
            "another tier", .anthropicPlain, .tier,
            #"{"type":"message","usage":{"input_tokens":9,"output_tokens":4,"service_tier":"priority"}}"#),
        Lie(
            "fast", .anthropicPlain, .tier,
            #"{"type":"message","usage":{"input_tokens":9,"output_tokens":4,"speed":"fast"}}"#),
        Lie(
            "another tier", .chatPlain, .tier,
            #"{"service_tier":"priority","usage":{"prompt_tokens":9,"completion_tokens":4}}"#),
    ]

    @Test("a count that cannot be true is charged at the estimate at least", arguments: lies)
    func untrue(_ lie: Lie) throws {
        let request = try lie.shape.admitted()
        let reading = read(request, lie.shape.head, [Array(lie.body.utf8)])
        #expect(reading.flaws.contains(lie.flaw), "\(reading.flaws)")
        #expect(request.outcome(of: reading) == .charged(request.estimate))
    }

    @Test("a count that goes down, and one that is more than the estimate, are charged at the most that was seen")
    func decreasing() throws {
        let request = try AnswerShape.anthropicStream.admitted()
        let events = [
            #"{"type":"message_start","message":{"usage":{"input_tokens":9,"output_tokens":1}}}"#,
            #"{"type":"message_delta","usage":{"output_tokens":900000}}"#,
            #"{"type":"message_delta","usage":{"output_tokens":4}}"#, #"{"type":"message_stop"}"#,
        ]
        let reading = read(request, AnswerShape.anthropicStream.head, [AnswerShape.events(events)])
        #expect(reading.flaws == [.decreasing])
        #expect(reading.usage == TokenUsage(input: 9, output: 900_000))
        #expect(request.outcome(of: reading) == .charged(MicroDollars(900_000 * 15 + 27)))
    }

    @Test("the steps of an answer count where the sum beside them leaves some out")
    func steps() throws {
        let request = try AnswerShape.anthropicPlain.admitted()
        let body = """
            {"type":"message","usage":{"input_tokens":23000,"output_tokens":1000,"iterations":[\
            {"type":"compaction","input_tokens":180000,"output_tokens":3500},\
            {"type":"message","input_tokens":23000,"output_tokens":1000}]}}
            """
        let reading = read(request, AnswerShape.anthropicPlain.head, [Array(body.utf8)])
        #expect(reading.isBelieved && reading.usage == TokenUsage(input: 203_000, output: 4500), "\(reading)")
    }

    @Test("counts in the head of a plain answer of AWS are one with those in its body")
    func headFields() throws {
        let request = try AnswerShape.invokePlain.admitted()
        var head = AnswerShape.invokePlain.head
        head.fields += [
            ModelField("X-Amzn-Bedrock-Input-Token-Count", "100"),
            ModelField("X-Amzn-Bedrock-Output-Token-Count", "40"),
        ]
        #expect(read(request, head, [Array("{}".utf8)]).usage == TokenUsage(input: 100, output: 40))
        #expect(read(request, head, [AnswerShape.invokePlain.body(Self.use)]).usage == Self.use)
        head.fields.append(ModelField("X-Amzn-Bedrock-Output-Token-Count", "-1"))
        #expect(read(request, head, [Array("{}".utf8)]).flaws == [.absurd])
    }

    @Test("an answer that is longer than what is held is charged at the estimate")
    func tooLong() throws {
        let words = String(repeating: "x", count: UsageMeter.longestBody)
        let plain = try AnswerShape.chatPlain.admitted()
        let body = AnswerShape.chatPlain.body(Self.use, text: words)
        #expect(read(plain, AnswerShape.chatPlain.head, [body]).flaws.contains(.tooLong))
        // An event may be passed over, and the count in the next one is read; it is not believed all the same.
        let stream = try AnswerShape.chatStream.admitted()
        let reading = read(stream, AnswerShape.chatStream.head, [AnswerShape.chatStream.body(Self.use, text: words)])
        #expect(
            reading.flaws == [.tooLong] && reading.usage == AnswerShape.chatStream.told(Self.use), "\(reading.flaws)")
    }

    @Test("an answer in a coding that was not asked for is charged at the estimate")
    func coded() throws {
        let request = try AnswerShape.chatPlain.admitted()
        var head = AnswerShape.chatPlain.head
        head.fields.append(ModelField("Content-Encoding", "gzip"))
        #expect(!read(request, head, [AnswerShape.chatPlain.body(Self.use)]).isBelieved)
    }

    @Test("what the vendor refuses costs nothing", arguments: [301, 400, 401, 429, 500, 529])
    func refused(_ status: Int) throws {
        let request = try AnswerShape.chatPlain.admitted()
        var head = AnswerShape.chatPlain.head
        head.status = status
        let reading = read(request, head, [AnswerShape.chatPlain.body(Self.use)])
        #expect(reading.isRefusal && request.outcome(of: reading) == .failed)
    }

    @Test(
        "another model than the one asked for is told",
        arguments: [
            ("m-1", false), ("m-1-20250929", false), ("m-1-2025-09-29", false), ("models/m-1", false),
            ("m-1-mini", true),
            ("m-1-5", true), ("m-2", true), ("m", true),
        ])
    func models(_ name: String, _ isOther: Bool) throws {
        let request = try AnswerShape.chatPlain.admitted()
        let body = #"{"model":"\#(name)","usage":{"prompt_tokens":9,"completion_tokens":4}}"#
        let reading = read(request, AnswerShape.chatPlain.head, [Array(body.utf8)])
        #expect(reading.answeredModel == name && reading.isOtherModel == isOther && reading.isBelieved)
    }

    @Test("a frame with one bit changed is never believed")
    func flippedBits() throws {
        let request = try AnswerShape.converseStream.admitted()
        let body = AnswerShape.converseStream.body(Self.use)
        #expect(read(request, AnswerShape.converseStream.head, [body]).isBelieved)
        for index in body.indices {
            for bit in 0..<8 {
                var changed = body
                changed[index] ^= 1 << UInt8(bit)
                let reading = read(request, AnswerShape.converseStream.head, [changed])
                #expect(!reading.isBelieved, "bit \(bit) of byte \(index)")
            }
        }
    }
}
