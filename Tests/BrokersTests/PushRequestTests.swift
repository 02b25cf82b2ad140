// SPDX-License-Identifier: Apache-2.0
import Testing
import Workspace

@testable import Brokers

@Suite("commands of a push")
struct PushRequestTests {
    static let zero = String(repeating: "0", count: 40)
    static let one = String(repeating: "1", count: 40)
    static let two = String(repeating: "2", count: 40)
    static let branch = "refs/heads/agent/one"

    static func line(_ text: String) -> [UInt8] { PktLine.encoded(text) }
    static func whole(_ lines: String...) -> [UInt8] { lines.flatMap { line($0) } + PktLine.flushBytes }

    /// The verdict on some bytes, the same however they arrive.
    private func read(_ bytes: [UInt8]) -> PushRequestReader.State {
        var whole = PushRequestReader()
        let state = whole.append(bytes.span)
        var single = PushRequestReader()
        for byte in bytes { _ = single.append([byte].span) }
        #expect(single.state == state)
        return state
    }

    private func refusal(_ bytes: [UInt8]) -> PushFlaw? {
        if case .refused(let flaw) = read(bytes) { flaw } else { nil }
    }

    @Test("reads what git's client sends, and leaves the pack")
    func whole() throws {
        let commands = Self.whole(
            "shallow \(Self.two)",
            "\(Self.zero) \(Self.one) \(Self.branch)\0 report-status side-band-64k object-format=sha1 agent=git/2.39.5",
            "\(Self.one) \(Self.zero) refs/heads/agent/two\n")
        var reader = PushRequestReader()
        let state = reader.append((commands + Array("PACK".utf8)).span)
        let expected = PushRequest(
            commands: [
                PushCommand(old: nil, new: ObjectID(Self.one), reference: Self.branch),
                PushCommand(old: ObjectID(Self.one), new: nil, reference: "refs/heads/agent/two"),
            ], capabilities: [.reportStatus, .sideBand64k, .objectFormat])
        #expect(state == .request(expected))
        #expect(reader.rest == Array("PACK".utf8))
        #expect(read(commands) == .request(expected))
        #expect(expected.commands[1].text == "\(Self.one) \(Self.zero) refs/heads/agent/two")
    }

    @Test("knows the probe, and waits for more of anything else that is not whole")
    func probe() {
        #expect(read(PktLine.flushBytes) == .probe)
        let commands = Self.whole("\(Self.zero) \(Self.one) \(Self.branch)\0report-status")
        for length in 0..<commands.count { #expect(read(Array(commands[..<length])) == .needMore) }
    }

    @Test(
        "refuses every other form",
        arguments: [
            ("000", nil), ("00x0", .line(.length)), ("0001", .line(.mark)), ("0003", .line(.mark)),
            ("fff1", .line(.tooLong)), (" 004", .line(.length)), ("+004", .line(.length)),
            ("0004", .malformedCommand), ("0005\n", .malformedCommand), ("0005 ", .malformedCommand),
        ] as [(String, PushFlaw?)])
    func lines(_ text: String, _ flaw: PushFlaw?) {
        #expect(refusal(Array(text.utf8)) == flaw)
    }

    @Test(
        "refuses commands that two readers could take in two ways",
        arguments: [
            ("\(zero) \(one) \(branch)\0 report-status\0x", PushFlaw.malformedCapabilities),
            ("\(zero) \(one) \(branch)\nrefs/heads/main", .malformedCommand),
            ("\(zero) \(one) \(branch)\r", .malformedCommand),
            ("\(zero) \(one) \(branch) ", .malformedCommand),
            ("\(zero) \(one) refs/heads/agent/a b", .malformedCommand),
            ("\(zero)  \(one) \(branch)", .malformedCommand),
            (" \(zero) \(one) \(branch)", .malformedCommand),
            ("\(zero) \(one) ", .malformedCommand),
            ("\(zero) \(one)", .malformedCommand),
            ("\(zero)\t\(one)\t\(branch)", .malformedCommand),
            ("\(zero) \(one) refs/heads/agent/\u{e9}", .malformedCommand),
            ("\(zero) \(String(repeating: "A", count: 40)) \(branch)", .malformedCommand),
            ("\(zero) 1111 \(branch)", .malformedCommand),
            ("\(zero) \(one) refs/heads/agent/\(String(repeating: "x", count: 600))", .malformedCommand),
            (
                "\(String(repeating: "0", count: 64)) \(String(repeating: "1", count: 64)) \(branch)", .sha256
            ),
            ("\(zero) \(one) \(branch)\0object-format=sha256", .sha256),
            ("\(zero) \(one) \(branch)\0report-status push-options", .options),
            ("\(zero) \(one) \(branch)\0report-status-v2", .unknownCapability),
            ("\(zero) \(one) \(branch)\0report-status\u{7}", .malformedCapabilities),
            ("push-cert\0report-status", .signed),
            ("push-cert nonce", .signed),
            ("shallow \(one)0", .malformedShallow),
            ("shallow", .malformedCommand),
        ])
    func commands(_ text: String, _ flaw: PushFlaw) {
        #expect(refusal(Self.whole(text)) == flaw)
    }

    @Test("refuses lines in another order, and one reference twice")
    func order() {
        let first = "\(Self.zero) \(Self.one) \(Self.branch)\0report-status"
        #expect(refusal(Self.whole(first, "\(Self.zero) \(Self.one) refs/heads/main\0x")) == .malformedCapabilities)
        #expect(refusal(Self.whole(first, "shallow \(Self.one)")) == .malformedShallow)
        #expect(refusal(Self.whole(first, "\(Self.one) \(Self.two) \(Self.branch)")) == .repeated)
        #expect(refusal(Self.whole("shallow \(Self.one)")) == .noCommands)
        #expect(refusal(Self.whole(first, "push-cert-end")) == .signed)
    }

    @Test("takes 32 references and 64 KiB, and not one more")
    func bounds() throws {
        func commands(_ count: Int) -> [UInt8] {
            (0..<count).flatMap { Self.line("\(Self.zero) \(Self.one) refs/heads/agent/\($0)") } + PktLine.flushBytes
        }
        guard case .request(let request) = read(commands(32)) else {
            Issue.record("32 commands are refused")
            return
        }
        #expect(request.commands.count == 32)
        #expect(refusal(commands(33)) == .tooManyCommands)
        let shallow = Self.line("shallow \(Self.one)")
        let many = Array(repeatElement(shallow, count: 65536 / shallow.count + 1).joined())
        #expect(refusal(many) == .tooLong)
    }
}
