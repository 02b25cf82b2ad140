// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Egress

@Suite("second ClientHello")
struct SecondHelloTests {
    private static let changeCipherSpec: [UInt8] = [20, 3, 3, 0, 1, 1]
    /// A warning that OpenSSL passes over while it waits for the second hello: user_canceled.
    private static let alert: [UInt8] = [21, 3, 3, 0, 2, 1, 90]
    private static let encrypted: [UInt8] = [23, 3, 3, 0, 3, 7, 8, 9]
    private static let first = ClientHello(
        serverName: "a.test", protocols: [], hasEncryptedHello: false, offersTLS13: true, offersEarlyData: false)
    private static let early = ClientHello(
        serverName: "a.test", protocols: [], hasEncryptedHello: false, offersTLS13: true, offersEarlyData: true)
    private static let old = ClientHello(
        serverName: "a.test", protocols: [], hasEncryptedHello: false, offersTLS13: false, offersEarlyData: false)

    struct Result: Equatable {
        var sent: [UInt8] = []
        var refusal: TLSRefusal?
        var isDone = false
    }

    private func follow(_ first: ClientHello, _ bytes: [UInt8], by size: Int = .max) -> Result {
        var reader = SecondHelloReader(after: first)
        var result = Result()
        var index = 0
        do throws(TLSRefusal) {
            while index < bytes.count {
                let end = index + min(size, bytes.count - index)
                result.sent += try reader.take(bytes[index..<end].span)
                index = end
            }
        } catch { result.refusal = error }
        result.isDone = reader.isDone
        return result
    }

    struct Passing: CustomTestStringConvertible {
        let testDescription: String
        var first = SecondHelloTests.first
        let bytes: [UInt8]
        var isDone = true
    }

    static let passing: [Passing] = [
        Passing(testDescription: "TLS 1.3 without a retry", bytes: changeCipherSpec + encrypted + encrypted),
        Passing(testDescription: "TLS 1.2 key exchange", bytes: [22, 3, 3, 0, 5, 16, 0, 0, 1, 0] + changeCipherSpec),
        Passing(
            testDescription: "TLS 1.2 session taken up",
            bytes: changeCipherSpec + [22, 3, 3, 0, 40] + [UInt8](repeating: 9, count: 40)),
        Passing(
            testDescription: "the same with a first byte of 1",
            bytes: changeCipherSpec + [22, 3, 3, 0, 40] + [UInt8](repeating: 1, count: 40) + encrypted),
        Passing(testDescription: "an alert", bytes: alert, isDone: false),
        Passing(testDescription: "an alert, then a retry", bytes: alert + HelloMessage().records() + encrypted),
        Passing(testDescription: "a retry", bytes: HelloMessage().records() + changeCipherSpec + encrypted),
        Passing(
            testDescription: "a retry in compatibility mode",
            bytes: changeCipherSpec + HelloMessage("A.test").records() + encrypted),
        Passing(
            testDescription: "a retry in many records",
            bytes: changeCipherSpec + HelloMessage().records(of: 3) + encrypted),
        Passing(
            testDescription: "early data", first: early, bytes: changeCipherSpec + encrypted + encrypted, isDone: false),
        Passing(
            testDescription: "early data, then a retry", first: early,
            bytes: encrypted + changeCipherSpec + HelloMessage().records() + encrypted),
        Passing(testDescription: "no TLS 1.3", first: old, bytes: HelloMessage("b.test").records()),
    ]

    @Test("passes unchanged", arguments: passing)
    func passes(_ sample: Passing) {
        for size in [Int.max, 1, 7] {
            #expect(follow(sample.first, sample.bytes, by: size) == Result(sent: sample.bytes, isDone: sample.isDone))
        }
    }

    struct Refused: CustomTestStringConvertible {
        let testDescription: String
        var first = SecondHelloTests.first
        var passed: [UInt8] = []
        let hello: [UInt8]
        let refusal: TLSRefusal
    }

    /// The first 40 bytes of a hello of 17,000 bytes in a record of their own.
    private static let firstPiece: [UInt8] = [22, 3, 3, 0, 40, 1, 0, 0x42, 0x68] + [UInt8](repeating: 3, count: 36)

    static let refused: [Refused] = [
        Refused(testDescription: "another name", hello: HelloMessage("b.test").records(), refusal: .otherSecondName),
        Refused(
            testDescription: "another name in compatibility mode", passed: changeCipherSpec,
            hello: HelloMessage("b.test").records(), refusal: .otherSecondName),
        Refused(
            testDescription: "another name in records of one byte", passed: changeCipherSpec,
            hello: HelloMessage("b.test").records(of: 1), refusal: .otherSecondName),
        Refused(
            testDescription: "another name behind early data", first: early, passed: encrypted + changeCipherSpec,
            hello: HelloMessage("b.test").records(), refusal: .otherSecondName),
        Refused(
            testDescription: "another name behind an alert", passed: alert, hello: HelloMessage("b.test").records(),
            refusal: .otherSecondName),
        Refused(
            testDescription: "another name behind alerts in compatibility mode",
            passed: changeCipherSpec + alert + alert,
            hello: HelloMessage("b.test").records(), refusal: .otherSecondName),
        Refused(
            testDescription: "a hello too long to be read, in records of full length", passed: changeCipherSpec,
            hello: HelloMessage("b.test").adding(0x5a5a, [UInt8](repeating: 0, count: 17_000)).records(),
            refusal: .oversized),
        Refused(
            testDescription: "the same, its first record as long as a Finished",
            passed: changeCipherSpec + firstPiece, hello: [22, 3, 3, 0, 1, 0], refusal: .oversized),
        Refused(
            testDescription: "the same with an alert between its records",
            passed: changeCipherSpec + firstPiece + alert, hello: [22, 3, 3, 0, 1, 0], refusal: .oversized),
        Refused(
            testDescription: "a record of no kind that TLS has", hello: [24, 3, 3, 0, 1, 1], refusal: .interrupted),
        Refused(testDescription: "no name", hello: HelloMessage(nil).records(), refusal: .noServerName),
        Refused(
            testDescription: "two names",
            hello: HelloMessage().with { $0.extensions?.append(HelloMessage.serverName([98])) }.records(),
            refusal: .duplicateServerName),
        Refused(
            testDescription: "an encrypted hello", hello: HelloMessage().adding(0xfe0d).records(),
            refusal: .encryptedHello),
        Refused(testDescription: "an empty record", hello: [22, 3, 3, 0, 0], refusal: .interrupted),
    ]

    @Test("refuses, and sends nothing of the hello", arguments: refused)
    func refuses(_ sample: Refused) {
        // In one piece nothing is sent at all; in small ones what stood before the hello was sent already.
        #expect(follow(sample.first, sample.passed + sample.hello) == Result(refusal: sample.refusal))
        let single = follow(sample.first, sample.passed + sample.hello, by: 1)
        #expect(single == Result(sent: sample.passed, refusal: sample.refusal))
    }

    @Test("the hello says whether a second one can come")
    func offers() throws {
        func hello(_ message: HelloMessage) throws -> ClientHello {
            try ClientHello(parsing: message.message, allowsEncryptedHello: false)
        }
        let versions = HelloMessage().with { $0.extensions?.removeLast() }
        #expect(try hello(HelloMessage()).offersTLS13)
        #expect(try !hello(versions).offersTLS13)
        #expect(try hello(versions.adding(43, [6, 0x0a, 0x0a, 3, 4, 3, 3])).offersTLS13)
        #expect(try !hello(versions.adding(43, [2, 3, 3])).offersTLS13)
        #expect(throws: TLSRefusal.malformed) { try hello(versions.adding(43, [3, 3, 4, 3])) }
        #expect(throws: TLSRefusal.malformed) { try hello(versions.adding(43, [0])) }
        #expect(try !hello(HelloMessage()).offersEarlyData)
        #expect(try hello(HelloMessage().adding(42)).offersEarlyData)
    }
}
