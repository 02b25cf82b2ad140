// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// Notices secrets in bytes that pass by in pieces, before the last byte of one has passed.
///
/// An upstream is trusted with them and not with discretion: proxies repeat a request's head in their errors. Held back is
/// only what may be a secret's beginning at the end of a piece, as a rule nothing.
struct SecretSieve {
    private var strands: [Strand]

    init(_ secrets: [Secret]) { strands = secrets.map { Strand($0) } }

    var isFound: Bool { strands.contains { $0.isFound } }

    /// What may pass of what was held back and these bytes; empty from a secret on.
    mutating func take(_ piece: UnsafeRawBufferPointer) -> [UInt8] {
        var passed: [UInt8]?
        for index in strands.indices {
            passed =
                if let bytes = passed {
                    bytes.withUnsafeBytes { strands[index].take($0) }
                } else {
                    strands[index].take(piece)
                }
        }
        return isFound ? [] : passed ?? Array(piece)
    }

    /// What was held back at the end; ``isFound`` may be known only now.
    mutating func end() -> [UInt8] {
        var passed: [UInt8] = []
        for index in strands.indices {
            passed = passed.withUnsafeBytes { strands[index].take($0) } + strands[index].end()
        }
        return isFound ? [] : passed
    }

    /// Whether a text contains one of them.
    func isIn(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return strands.contains { $0.isIn(bytes) }
    }
}

/// The same for one secret.
private struct Strand {
    private let secret: Secret
    /// For each length of a beginning that matched, the next shorter one to go on from (Knuth, Morris and Pratt).
    private let shorter: [Int]
    private var matched = 0
    private(set) var isFound = false

    init(_ secret: Secret) {
        self.secret = secret
        shorter = secret.withBytes { bytes in
            var table = [Int](repeating: 0, count: bytes.count + 1)
            var length = 0
            for index in 1..<max(1, bytes.count) {
                while length > 0, bytes[index] != bytes[length] { length = table[length] }
                if bytes[index] == bytes[length] { length += 1 }
                table[index + 1] = length
            }
            return table
        }
    }

    /// What may pass of what was held back and these bytes; empty from the secret on.
    mutating func take(_ piece: UnsafeRawBufferPointer) -> [UInt8] {
        guard !isFound else { return [] }
        let held = matched
        var length = matched
        isFound = secret.withBytes { bytes in
            for byte in piece {
                while length > 0, byte != bytes[length] { length = shorter[length] }
                if byte == bytes[length] { length += 1 }
                if length == bytes.count { return true }
            }
            return false
        }
        guard !isFound else { return [] }
        matched = length
        // The held bytes are the secret's own beginning.
        var passed = secret.withBytes { Array($0[..<held]) }
        passed += piece
        passed.removeLast(length)
        return passed
    }

    /// What was held back at the end.
    mutating func end() -> [UInt8] {
        defer { matched = 0 }
        return isFound ? [] : secret.withBytes { Array($0[..<matched]) }
    }

    func isIn(_ bytes: [UInt8]) -> Bool {
        secret.withBytes { secret in
            guard bytes.count >= secret.count else { return false }
            return (0...(bytes.count - secret.count)).contains { start in
                secret.indices.allSatisfy { secret[$0] == bytes[start + $0] }
            }
        }
    }
}
