// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Egress

@Suite("DNS over TCP")
struct DNSStreamTests {
    private func read(_ pieces: [[UInt8]]) -> (messages: [[UInt8]], refusal: DNSStream.Refusal?, isEmpty: Bool) {
        var stream = DNSStream()
        var messages: [[UInt8]] = []
        for piece in pieces {
            do throws(DNSStream.Refusal) {
                try stream.take(piece.span) { message in messages.append(message.copy(0..<message.count)) }
            } catch {
                return (messages, error, stream.isEmpty)
            }
        }
        return (messages, nil, stream.isEmpty)
    }

    @Test("cuts the stream into messages, however it arrives", arguments: [1, 2, 3, 7, 1000])
    func fragments(_ size: Int) {
        let messages = [DNSMessage("a.test").bytes, DNSMessage("b.test").withOPT().bytes]
        let stream = messages.flatMap(DNSStream.framed)
        let pieces = stride(from: 0, to: stream.count, by: size).map {
            Array(stream[$0..<min($0 + size, stream.count)])
        }
        let result = read(pieces)
        #expect(result.messages == messages)
        #expect(result.refusal == nil)
        #expect(result.isEmpty)
        #expect(!read([Array(stream.dropLast())]).isEmpty)
    }

    @Test(
        "takes lengths from a header's to the limit",
        arguments: [(11, false), (12, true), (1232, true), (1233, false), (65535, false), (0, false)])
    func lengths(_ count: Int, _ isGood: Bool) {
        let first = DNSMessage("a.test").bytes
        let stream = DNSStream.framed(first) + DNSMessage.bytes(UInt16(count)) + [UInt8](repeating: 7, count: count)
        let result = read([stream])
        #expect(result.messages.count == (isGood ? 2 : 1))
        #expect(result.messages.first == first)
        #expect(result.refusal == (isGood ? nil : .length))
    }

    @Test("reads nothing after a refused length")
    func ended() throws {
        let good = DNSStream.framed(DNSMessage("a.test").bytes)
        var stream = DNSStream()
        var refusals: [DNSStream.Refusal] = []
        for piece in [[0, 1], good] {
            do throws(DNSStream.Refusal) {
                try stream.take(piece.span) { _ in Issue.record("accepted") }
            } catch {
                refusals.append(error)
            }
        }
        #expect(refusals == [.length, .ended])
    }
}
