// SPDX-License-Identifier: Apache-2.0

/// The message of a commit, read without git: its subject and the trailers of its last paragraph.
package struct CommitMessage: Sendable, Equatable {
    package struct Trailer: Sendable, Equatable {
        package let key: String
        package let value: String
    }

    /// Printable, at most 200 characters.
    package let subject: String
    package let trailers: [Trailer]

    package init(_ bytes: [UInt8]) {
        let lines = bytes.prefix(Self.longest).split(separator: 0x0A, omittingEmptySubsequences: false)
        let first = lines.first { !Self.isBlank($0) } ?? []
        subject = PrintableText.escaped(first, longest: 200)
        let tail = lines.reversed().drop { Self.isBlank($0) }.prefix { !Self.isBlank($0) }.reversed()
        var trailers: [Trailer] = []
        // A subject alone is no list of trailers, whatever it looks like. git-interpret-trailers(1)
        if let start = tail.first?.startIndex, start > first.startIndex {
            for line in tail { if let trailer = Self.trailer(line) { trailers.append(trailer) } }
        }
        self.trailers = trailers
    }

    package func values(of key: String) -> [String] { trailers.filter { $0.key == key }.map(\.value) }

    private static let longest = 1 << 20

    private static func trailer(_ line: ArraySlice<UInt8>) -> Trailer? {
        guard let colon = line.firstIndex(of: 0x3A), colon > line.startIndex,
            line[..<colon].allSatisfy({
                (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D
            })
        else { return nil }
        let value = line[(colon + 1)...].drop { $0 == 0x20 }
        return Trailer(
            key: String(decoding: line[..<colon], as: UTF8.self), value: PrintableText.escaped(value, longest: 500))
    }

    private static func isBlank(_ line: ArraySlice<UInt8>) -> Bool {
        line.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
    }
}
