// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing
import Wire

@Suite("gateway between runner and frame file", .requiresRoot)
struct FrameRelayTests {
    private func setup(frames: UInt32 = 100, bytes: UInt64 = 1 << 20) throws -> (GatewayUnderTest, FramePlumbing) {
        let gateway = try GatewayUnderTest()
        let plumbing = try FramePlumbing()
        try gateway.start(
            GatewayStart(roles: [.frames, .frameFile], frames: frames, frameFileBytes: bytes),
            [.frames: plumbing.outer, .frameFile: plumbing.file])
        return (gateway, plumbing)
    }

    private func note(_ text: String) throws -> [UInt8] {
        try Frame(kind: .note, fields: [.init(key: "text", value: text)]).encoded()
    }

    private func line(_ sequence: Int, _ text: String) -> String {
        #"{"seq":\#(sequence),"type":"note","claimed":true,"fields":{"text":"\#(text)"}}"#
    }

    @Test("writes one claimed line for each frame")
    func accepts() throws {
        let (gateway, plumbing) = try setup()
        try writeAll(try note("one") + note("\u{1B}]52;c;x\u{7}\n\"}") + note("three"), to: plumbing.inner)
        plumbing.closeInner()
        let totals = try gateway.ended()
        #expect(totals.framesAccepted == 3)
        #expect(totals.framesRefused == 0)
        #expect(totals.marks == [])
        #expect(try plumbing.lines() == [line(0, "one"), line(1, #"\u001b]52;c;x\u0007\u000a\"}"#), line(2, "three")])
    }

    @Test("stops at the first malformed frame, says so, and closes the socket")
    func refuses() throws {
        let (gateway, plumbing) = try setup()
        let good = try note("good")
        try writeAll(good + [0, 0, 0, 4, 1, 77, 0x61, 0x0A] + good, to: plumbing.inner)
        // The runner's end hangs up although this test keeps it open.
        try waitUntilReadable(plumbing.inner)
        #expect(sp_gateway_send(plumbing.inner, good, good.count, nil, 0, 0) == -Int(EPIPE))
        let totals = try gateway.ended()
        #expect(totals.framesAccepted == 1)
        #expect(totals.framesRefused == 1)
        let stopped =
            #"{"seq":1,"type":"stopped","claimed":false,"offset":\#(good.count),"reason":"type 77 is unknown"}"#
        #expect(try plumbing.lines() == [line(0, "good"), stopped])
    }

    @Test("calls a frame that never ended malformed")
    func truncated() throws {
        let (gateway, plumbing) = try setup()
        try writeAll(Array(try note("good").dropLast()), to: plumbing.inner)
        plumbing.closeInner()
        #expect(try gateway.ended().framesRefused == 1)
        #expect(try plumbing.lines().first?.contains("the stream ended after 15 bytes of a frame") == true)
    }

    @Test("stops at the cap on frames")
    func frameCap() throws {
        let (gateway, plumbing) = try setup(frames: 2)
        try writeAll(try note("a") + note("b") + note("c"), to: plumbing.inner)
        let totals = try gateway.ended()
        #expect(totals.framesAccepted == 2)
        #expect(totals.framesRefused == 0)
        #expect(totals.marks == .framesTruncated)
        let lines = try plumbing.lines()
        #expect(lines.count == 3)
        #expect(lines.last?.contains("frame count reached its cap of 2") == true)
    }

    @Test("keeps the frame file within its cap")
    func fileCap() throws {
        let (gateway, plumbing) = try setup(bytes: 2_000)
        // In one write: a later one would meet the socket that the gateway has closed by then.
        try writeAll((0..<30).flatMap { _ in try note("0123456789") }, to: plumbing.inner)
        let totals = try gateway.ended()
        #expect(totals.marks == .framesTruncated)
        #expect(totals.framesAccepted > 5)
        #expect(try plumbing.lines().last?.contains("frame file reached its cap of 2000 bytes") == true)
        var status = stat()
        try #require(fstat(plumbing.file, &status) == 0)
        #expect(status.st_size <= 2_000)
    }

    @Test("refuses a start message that is malformed or comes with the wrong descriptors")
    func startMessage() throws {
        let gateway = try GatewayUnderTest()
        try gateway.send([1, 1, 0, 0])
        #expect(try gateway.report() == .refused(.init(check: .startMessage, errno: UInt32(EBADMSG))))
        #expect(try gateway.exitStatus() == 125)

        let early = try GatewayUnderTest()
        try early.send(.close)
        #expect(try early.report() == .refused(.init(check: .startMessage)))
        #expect(try early.exitStatus() == 125)

        let long = try GatewayUnderTest()
        try long.send([UInt8](repeating: 1, count: 65))
        #expect(try long.report() == .refused(.init(check: .startMessage, errno: UInt32(EMSGSIZE))))
        #expect(try long.exitStatus() == 125)
    }

    @Test("refuses a descriptor that is not what its role says")
    func wrongDescriptor() throws {
        let plumbing = try FramePlumbing()
        let start = GatewayStart(roles: [.frames, .frameFile], frames: 1, frameFileBytes: 4_096)
        let swapped = try GatewayUnderTest()
        try swapped.send(.start(start), descriptors: [plumbing.file, plumbing.outer])
        #expect(try swapped.report() == .refused(.init(check: .descriptors, errno: UInt32(ENOTSOCK))))
        #expect(try swapped.exitStatus() == 125)

        let socketForPty = try GatewayUnderTest()
        let terminal = GatewayStart(roles: [.ptyMaster, .terminalOutput], frames: 0, frameFileBytes: 0)
        try socketForPty.send(.start(terminal), descriptors: [plumbing.outer, plumbing.outer])
        #expect(try socketForPty.report() == .refused(.init(check: .descriptors, errno: UInt32(ENOTTY))))
        #expect(try socketForPty.exitStatus() == 125)
    }

    @Test("ends the session's gateway when a second start message comes")
    func secondStart() throws {
        let (gateway, plumbing) = try setup()
        try gateway.send(
            .start(GatewayStart(roles: [.frames, .frameFile], frames: 1, frameFileBytes: 4_096)),
            descriptors: [plumbing.outer, plumbing.file])
        #expect(try gateway.exitStatus() == 125)
    }
}
