// SPDX-License-Identifier: Apache-2.0
import Testing
import Wire

/// Bytes with the header of a frame whose payload is `payload`.
func frameBytes(_ payload: [UInt8], version: UInt8 = 1, kind: UInt8 = 1, length: UInt32? = nil) -> [UInt8] {
    let word = length ?? UInt32(payload.count + 2)
    return [UInt8(word >> 24), UInt8(word >> 16 & 255), UInt8(word >> 8 & 255), UInt8(word & 255), version, kind]
        + payload
}

func frameBytes(_ payload: String, version: UInt8 = 1, kind: UInt8 = 1) -> [UInt8] {
    frameBytes(Array(payload.utf8), version: version, kind: kind)
}

/// Everything a decoder makes of a stream: the frames, and the error that ended it.
func decodeStream(_ pieces: [[UInt8]]) -> (frames: [Frame], error: FrameError?) {
    var decoder = FrameDecoder()
    var frames: [Frame] = []
    do throws(FrameError) {
        for piece in pieces { try decoder.take(piece) { frames.append($0) } }
        try decoder.finish()
    } catch {
        return (frames, error)
    }
    return (frames, nil)
}

struct BadFrame: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    let error: FrameError

    init(_ name: String, _ bytes: [UInt8], _ error: FrameError) {
        testDescription = name
        self.bytes = bytes
        self.error = error
    }
}

@Suite("runner frames")
struct FrameTests {
    static let bad: [BadFrame] = [
        BadFrame("length zero", frameBytes([], length: 0), .length(0)),
        BadFrame("length one", frameBytes([], length: 1), .length(1)),
        BadFrame("length past the cap", frameBytes([], length: 65_537), .length(65_537)),
        BadFrame("length of four gigabytes", frameBytes([], length: .max), .length(.max)),
        BadFrame("version zero", frameBytes("a=b\n", version: 0), .version(0)),
        BadFrame("version two", frameBytes("a=b\n", version: 2), .version(2)),
        BadFrame("type zero", frameBytes("a=b\n", kind: 0), .kind(0)),
        BadFrame("type seven", frameBytes("a=b\n", kind: 7), .kind(7)),
        BadFrame("no line feed", frameBytes("a=b"), .unterminatedLine),
        BadFrame("bytes after the last line", frameBytes("a=b\nc"), .unterminatedLine),
        BadFrame("a line without a key", frameBytes("=b\n"), .key),
        BadFrame("a line without an equals sign", frameBytes("ab\n"), .key),
        BadFrame("an empty line", frameBytes("\n"), .key),
        BadFrame("a key in capitals", frameBytes("A=b\n"), .key),
        BadFrame("a key that starts with a digit", frameBytes("1a=b\n"), .key),
        BadFrame("a key with a control sequence", frameBytes("a\u{1B}[m=b\n"), .key),
        BadFrame("a key of 33 letters", frameBytes(String(repeating: "k", count: 33) + "=b\n"), .key),
        BadFrame("a key twice", frameBytes("a=b\na=c\n"), .duplicateKey),
        BadFrame("65 fields", frameBytes((0..<65).map { "k\($0)=v\n" }.joined()), .tooManyFields),
        BadFrame("half an escape", frameBytes("a=%4\n"), .percentEscape),
        BadFrame("an escape at the end", frameBytes("a=%\n"), .percentEscape),
        BadFrame("an escape of letters", frameBytes("a=%zz\n"), .percentEscape),
        BadFrame("a sign in an escape", frameBytes("a=%+1\n"), .percentEscape),
        BadFrame("ESC unescaped", frameBytes("a=\u{1B}[31m\n"), .unescaped),
        BadFrame("carriage return unescaped", frameBytes("a=b\r\n"), .unescaped),
        BadFrame("an equals sign in a value", frameBytes("a=b=c\n"), .unescaped),
        BadFrame("a byte that is no UTF-8", frameBytes(Array("a=".utf8) + [0xFF, 0x0A]), .notUTF8),
        BadFrame("no UTF-8 behind an escape", frameBytes("a=%FF\n"), .notUTF8),
        BadFrame("a surrogate behind escapes", frameBytes("a=%ED%A0%80\n"), .notUTF8),
        BadFrame("half a length word", [0, 0], .truncated(2)),
        BadFrame("half a frame", Array(frameBytes("a=b\n").dropLast()), .truncated(9)),
    ]

    @Test("refuses what is malformed, by name", arguments: bad)
    func refuses(_ c: BadFrame) {
        let good = frameBytes("name=before\n")
        let (frames, error) = decodeStream([good + c.bytes])
        #expect(frames == [Frame(kind: .milestone, fields: [.init(key: "name", value: "before")])])
        #expect(error == c.error)
    }

    @Test("gives the same answer however the stream is cut", arguments: bad)
    func cuts(_ c: BadFrame) {
        let stream = frameBytes("name=before\n", kind: 2) + c.bytes
        let whole = decodeStream([stream])
        #expect(decodeStream(stream.map { [$0] }) == whole)
        for cut in 0...min(stream.count, 64) {
            #expect(decodeStream([Array(stream[..<cut]), Array(stream[cut...])]) == whole)
        }
    }

    @Test("reads nothing after the first malformed frame")
    func stops() {
        var decoder = FrameDecoder()
        var frames = 0
        #expect(throws: FrameError.version(9)) {
            try decoder.take(frameBytes("a=b\n", version: 9) + frameBytes("a=b\n")) { _ in frames += 1 }
        }
        #expect(throws: FrameError.streamRefused) {
            try decoder.take(frameBytes("a=b\n")) { _ in frames += 1 }
        }
        #expect(throws: FrameError.streamRefused) { try decoder.finish() }
        #expect(frames == 0)
        #expect(decoder.pendingBytes == 0)
    }

    @Test("reads back every value that a string can hold")
    func roundTrip() throws {
        let values = [
            "", "plain", "a=b%\n\r\u{1B}[31m\u{0}\u{7F}", "é語😀", "\u{202E}", String(repeating: "%", count: 21_000),
        ]
        let frame = Frame(kind: .testOutcome, fields: values.enumerated().map { .init(key: "k\($0)", value: $1) })
        let bytes = try frame.encoded()
        let (frames, error) = decodeStream([bytes + bytes])
        #expect(frames == [frame, frame])
        #expect(error == nil)
    }

    @Test("accepts the smallest and the largest frame")
    func limits() throws {
        let smallest = frameBytes([UInt8]())
        let largest = frameBytes(Array("k=".utf8) + [UInt8](repeating: 0x61, count: 65_531) + [0x0A])
        #expect(largest.count == 65_540)
        let (frames, error) = decodeStream([smallest + largest])
        #expect(frames.map(\.fields.count) == [0, 1])
        #expect(error == nil)
        #expect(throws: FrameError.length(65_537)) {
            try Frame(kind: .note, fields: [.init(key: "k", value: String(repeating: "a", count: 65_532))]).encoded()
        }
    }

    @Test("does not encode what it would refuse")
    func encoding() {
        #expect(throws: FrameError.key) { try Frame(kind: .note, fields: [.init(key: "K", value: "")]).encoded() }
        #expect(throws: FrameError.duplicateKey) {
            try Frame(kind: .note, fields: [.init(key: "k", value: ""), .init(key: "k", value: "")]).encoded()
        }
        #expect(throws: FrameError.tooManyFields) {
            try Frame(kind: .note, fields: (0..<65).map { .init(key: "k\($0)", value: "") }).encoded()
        }
    }

    @Test("holds at most one frame of a stream that announces more than it sends")
    func bounded() throws {
        var decoder = FrameDecoder()
        try decoder.take(frameBytes([UInt8](repeating: 0x61, count: 10), length: 65_536)) { _ in }
        try decoder.take([UInt8](repeating: 0x61, count: 60_000)) { _ in }
        #expect(decoder.pendingBytes == 60_016)
    }

    @Test("never crashes and never depends on the cuts, for mutated streams")
    func mutated() throws {
        var state: UInt64 = 7
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let sources = Self.bad.map(\.bytes) + [frameBytes("a=b%0A\nc=d\n", kind: 3), frameBytes("text=é\n", kind: 2)]
        for _ in 0..<3_000 {
            var stream = sources[random(sources.count)].prefix(300) + sources[random(sources.count)].prefix(300)
            for _ in 0..<random(6) {
                let place = stream.startIndex + random(stream.count)
                stream[place] = random(2) == 0 ? UInt8(random(256)) : stream[place] ^ (1 << UInt8(random(8)))
            }
            let bytes = Array(stream)
            let cut = random(bytes.count)
            #expect(decodeStream([bytes]) == decodeStream([Array(bytes[..<cut]), Array(bytes[cut...])]))
        }
    }
}
