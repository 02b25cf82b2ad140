// SPDX-License-Identifier: Apache-2.0

/// One request of a transfer, as git's own HTTP client reported it.
package struct TransferUse: Equatable, Sendable {
    package let method: String
    /// Path and query.
    package let target: String
    /// Nil when no answer came.
    package internal(set) var status: Int?
    /// Length of the answer's body as the server announced it; nil where it did not, as for a pack made on the way.
    package var bytes: UInt64?

    package init(method: String, target: String, status: Int?, bytes: UInt64? = nil) {
        self.method = method
        self.target = target
        self.status = status
        self.bytes = bytes
    }
}

/// Reads what git writes for GIT_TRACE_CURL, as far as a ledger needs it: request lines, statuses and lengths.
///
///     12:34:56.789012 http.c:756   => Send header: GET /owner/name.git/info/refs?service=git-upload-pack HTTP/1.1
///     12:34:56.799012 http.c:756   <= Recv header: HTTP/1.1 200 OK
///     12:34:56.799034 http.c:756   <= Recv header: Content-Length: 321
///
/// git leaves credentials out of it; what else is in there is looked at and dropped. A server chooses much of this text,
/// so every line is bounded, only these forms are taken, and which side a line is of is said by its first mark: what a
/// server writes into its own can be no other.
package struct TransferTrace: Sendable {
    package private(set) var uses: [TransferUse] = []
    private var line: [UInt8] = []

    private static let longestLine = 4096
    private static let mostUses = 1000

    package init() {}

    /// Takes the next bytes.
    package mutating func append(_ bytes: [UInt8]) {
        for byte in bytes {
            if byte == 0x0A {
                take(String(decoding: line, as: UTF8.self))
                line.removeAll(keepingCapacity: true)
            } else if line.count < Self.longestLine {
                line.append(byte)
            }
        }
    }

    private static let sent = "=> Send header: "
    private static let received = "<= Recv header: "

    private mutating func take(_ text: String) {
        let marks = [Self.sent, Self.received].compactMap { mark in text.firstRange(of: mark).map { (mark, $0) } }
        guard let (mark, place) = marks.min(by: { $0.1.lowerBound < $1.1.lowerBound }) else { return }
        let words = text[place.upperBound...].split(separator: " ")
        if mark == Self.sent {
            takeRequest(words)
        } else {
            takeAnswer(words)
        }
    }

    private mutating func takeRequest(_ words: [Substring]) {
        guard words.count == 3, words[2].hasPrefix("HTTP/"), ["GET", "POST"].contains(words[0]),
            uses.count < Self.mostUses
        else { return }
        uses.append(
            TransferUse(
                method: String(words[0]), target: PrintableText.escaped(words[1].utf8, longest: 1024), status: nil))
    }

    private mutating func takeAnswer(_ words: [Substring]) {
        guard words.count >= 2, !uses.isEmpty else { return }
        let last = uses.count - 1
        if words[0].hasPrefix("HTTP/") {
            // 100 comes before the answer.
            guard let status = Int(words[1]), (200...599).contains(status) else { return }
            uses[last].status = status
        } else if words[0].lowercased() == "content-length:", let bytes = UInt64(words[1]), bytes < 1 << 48 {
            uses[last].bytes = bytes
        }
    }
}
