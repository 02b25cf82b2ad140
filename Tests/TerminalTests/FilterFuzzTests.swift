// SPDX-License-Identifier: Apache-2.0
import Glibc
import Terminal
import Testing

/// A small generator with a seed, so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    // SplitMix64, Steele, Lea and Flood 2014.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite("escape filter under mutation")
struct FilterFuzzTests {
    private static let alphabet =
        Array("\u{1B}[]PX^_k();:?>=!$ 0123456789mhlHJKrsutncpqbT\u{7}\u{18}\n\\".utf8)
        + [0x80, 0x9B, 0x9C, 0x9D, 0x90, 0xC2, 0xE2, 0x80, 0xAE, 0xF3, 0xA0, 0x81, 0xFF, 0x00, 0x05]

    private static func mutant(_ generator: inout SeededGenerator) -> [UInt8] {
        let all = harmlessInputs + hostileInputs
        var input: [UInt8] = []
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            input += all[Int.random(in: 0..<all.count, using: &generator)].input.prefix(200)
        }
        for _ in 0..<Int.random(in: 0...12, using: &generator) {
            let byte = alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
            let place = Int.random(in: 0...input.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: input.insert(byte, at: place)
            case 1: if place < input.count { input[place] = byte }
            case 2: if place < input.count { input.remove(at: place) }
            default:
                if place < input.count { input[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator) }
            }
        }
        return input
    }

    private static func check(seed: UInt64) -> String? {
        var generator = SeededGenerator(seed: seed)
        let input = mutant(&generator)
        var filter = EscapeFilter()
        var output: [UInt8] = []
        var rest = input[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...max(1, min(rest.count, 40)), using: &generator)
            filter.filter(Array(rest.prefix(count)), into: &output)
            rest = rest.dropFirst(count)
            guard filter.pendingBytes <= EscapeFilter.longestControl else {
                return "holds \(filter.pendingBytes) bytes"
            }
        }
        filter.finish(into: &output)
        guard output.count <= 4 * input.count + 128 else { return "\(input.count) bytes became \(output.count)" }
        guard output == filtered([input]) else { return "depends on the cuts" }
        return OutputChecker.firstForbidden(in: output)
    }

    @Test("lets nothing forbidden through, for the first seeds")
    func short() {
        for seed in 0..<4_000 as Range<UInt64> {
            if let problem = Self.check(seed: seed) { Issue.record("seed \(seed): \(problem)") }
        }
    }

    @Test("lets nothing forbidden through, for SALLYPORT_FUZZ_SECONDS", .enabled(if: fuzzSeconds != nil))
    func long() throws {
        let seconds = try #require(fuzzSeconds)
        let clock = ContinuousClock()
        let end = clock.now + .seconds(seconds)
        var seed: UInt64 = 1 << 32
        while clock.now < end {
            if let problem = Self.check(seed: seed) { Issue.record("seed \(seed): \(problem)") }
            seed += 1
        }
        #expect(seed > 1 << 32)
    }
}

/// How long the long form runs; nil when the variable is absent or no number.
private let fuzzSeconds: Int? = getenv("SALLYPORT_FUZZ_SECONDS").flatMap { Int(String(cString: $0)) }
