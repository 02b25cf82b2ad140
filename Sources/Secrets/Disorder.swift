// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// How much a text looks drawn at random.
enum Disorder {
    /// Shannon entropy of the bytes among themselves, in bits a byte: 0 for `xxxx`, 4 for sixteen different ones.
    static func bits(_ text: ArraySlice<UInt8>) -> Double {
        var counts = [Int](repeating: 0, count: 256)
        for byte in text { counts[Int(byte)] += 1 }
        let total = Double(text.count)
        return counts.reduce(0) { sum, count in
            guard count > 0 else { return sum }
            let share = Double(count) / total
            return sum - share * log2(share)
        }
    }

    /// A value of somebody's example, or a reference to where the value is.
    static func isPlaceholder(_ text: ArraySlice<UInt8>) -> Bool {
        let lower = text.map { (0x41...0x5A).contains($0) ? $0 + 32 : $0 }
        return words.contains { word in contains(lower, word) } || isRun(lower)
    }

    private static let words: [[UInt8]] = [
        "example", "changeme", "placeholder", "your", "xxxx", "dummy", "sample", "redacted", "insert", "${", "{{", "<",
        "test", "fake", "todo", "password",
        "passwd", "process.env", "environ", "getenv", "secrets.", "abcdef", "012345", "123456",
    ].map { Array($0.utf8) }

    private static func contains(_ text: [UInt8], _ word: [UInt8]) -> Bool {
        guard text.count >= word.count else { return false }
        return (0...(text.count - word.count)).contains { text[$0] == word[0] && text[$0...].starts(with: word) }
    }

    /// Mostly one byte after another of the same or the next value.
    private static func isRun(_ text: [UInt8]) -> Bool {
        guard text.count > 4 else { return false }
        let steps = zip(text, text.dropFirst()).count { $1 == $0 || $1 == $0 &+ 1 }
        return steps * 4 > text.count * 3
    }
}
