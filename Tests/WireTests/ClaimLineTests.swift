// SPDX-License-Identifier: Apache-2.0
import Testing
import Wire

@Suite("lines of the frame file")
struct ClaimLineTests {
    @Test("say what was claimed and that it was claimed")
    func accepted() {
        let frame = Frame(kind: .testOutcome, fields: [.init(key: "phase", value: "after")])
        let line = ClaimLine.accepted(frame, sequence: 3, receivedMilliseconds: 1_700_000_000_000)
        #expect(
            String(decoding: line, as: UTF8.self)
                == #"{"seq":3,"type":"test","received_ms":1700000000000,"claimed":true,"fields":{"phase":"after"}}"#
                + "\n")
    }

    @Test("spell out everything but printable ASCII")
    func escaped() {
        let hostile = "\"},{\"claimed\":false\\\n\u{2028}\u{1B}\u{7F}é😀\u{202E}"
        let frame = Frame(kind: .note, fields: [.init(key: "text", value: hostile), .init(key: "b", value: "")])
        let line = ClaimLine.accepted(frame, sequence: 0, receivedMilliseconds: 0)
        let fields =
            #"{"text":"\"},{\"claimed\":false\\\u000a\u2028\u001b\u007f\u00e9\ud83d\ude00\u202e","b":""}"#
        #expect(
            String(decoding: line, as: UTF8.self)
                == #"{"seq":0,"type":"note","received_ms":0,"claimed":true,"fields":"# + fields + "}\n")
    }

    @Test("say why reading stopped, as an observation")
    func stopped() {
        let line = ClaimLine.stopped(reason: FrameError.key.reason, offset: 42, sequence: 1, receivedMilliseconds: 5)
        let expected =
            #"{"seq":1,"type":"stopped","received_ms":5,"claimed":false,"offset":42,"#
            + #""reason":"a line does not start with a key and \"=\""}"# + "\n"
        #expect(String(decoding: line, as: UTF8.self) == expected)
    }
}
