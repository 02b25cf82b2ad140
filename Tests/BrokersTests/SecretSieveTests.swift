// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import Testing

@testable import Brokers

@Suite("a secret in bytes that pass by")
struct SecretSieveTests {
    private func sieve(_ secret: String) -> SecretSieve { SecretSieve([Secret(copying: Array(secret.utf8))]) }

    private func pass(_ sieve: inout SecretSieve, _ pieces: [String]) -> String {
        var passed: [UInt8] = []
        for piece in pieces { passed += Array(piece.utf8).withUnsafeBytes { sieve.take($0) } }
        return String(decoding: passed + sieve.end(), as: UTF8.self)
    }

    @Test("lets everything else through, byte for byte, however it is cut")
    func other() {
        let text = "ab abababac aba ababab abababab"
        for first in 0...text.utf8.count {
            for second in first...text.utf8.count {
                var sieve = sieve("ababac!")
                let bytes = Array(text.utf8)
                let pieces = [bytes[..<first], bytes[first..<second], bytes[second...]].map {
                    String(decoding: $0, as: UTF8.self)
                }
                #expect(pass(&sieve, pieces) == text)
                #expect(!sieve.isFound)
            }
        }
    }

    @Test("stops before the first byte of the secret, in one piece or in many")
    func pieces() {
        let text = Array("before ababacab after".utf8)
        for size in 1...text.count {
            var sieve = sieve("ababacab")
            let pieces = stride(from: 0, to: text.count, by: size).map {
                String(decoding: text[$0..<min($0 + size, text.count)], as: UTF8.self)
            }
            let passed = pass(&sieve, pieces)
            #expect(sieve.isFound)
            #expect("before ".hasPrefix(passed), "\(passed)")
        }
    }

    @Test("holds nothing back at a piece's end that cannot become it")
    func prompt() {
        var sieve = sieve("secret")
        let passed = ["abc", "a se", "nd"].map { piece in
            let bytes = Array(piece.utf8).withUnsafeBytes { sieve.take($0) }
            return String(decoding: bytes, as: UTF8.self)
        }
        #expect(passed == ["abc", "a ", "send"])
    }

    @Test("one of several is found wherever it begins, and holds back nothing of the others")
    func several() {
        func several() -> SecretSieve {
            SecretSieve(["secret", "token", "tsec"].map { Secret(copying: Array($0.utf8)) })
        }
        for text in ["a secre token b", "a toke secret b", "tok tsec", "a tsecret"] {
            let bytes = Array(text.utf8)
            for size in 1...bytes.count {
                var sieve = several()
                let pieces = stride(from: 0, to: bytes.count, by: size).map {
                    String(decoding: bytes[$0..<min($0 + size, bytes.count)], as: UTF8.self)
                }
                let passed = pass(&sieve, pieces)
                #expect(sieve.isFound && text.hasPrefix(passed), "\(text) by \(size)")
                #expect(!["secret", "token", "tsec"].contains { passed.contains($0) }, "\(passed)")
            }
        }
        var sieve = several()
        #expect(pass(&sieve, ["secre", "no", "toke", "tse"]) == "secrenotoketse" && !sieve.isFound)
        #expect(sieve.isIn("a token") && !sieve.isIn("a toke"))
    }

    @Test("is found in a text, and not in a shorter one")
    func texts() {
        let sieve = sieve("secret")
        #expect(sieve.isIn("a secret!") && sieve.isIn("secret"))
        #expect(!sieve.isIn("secre") && !sieve.isIn(""))
    }
}
