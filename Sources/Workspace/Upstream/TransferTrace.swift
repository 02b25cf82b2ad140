// SPDX-License-Identifier: Apache-2.0

/// One request of a transfer, as git's own HTTP client reported it.
package struct TransferUse: Equatable, Sendable {
    package let method: String
    /// Path and query.
    package let target: String
    /// Nil when no answer came.
    package internal(set) var status: Int?
}

/// Reads what git writes for GIT_TRACE_CURL, as far as a ledger needs it: request lines and statuses.
///
///     12:34:56.789012 http.c:756   => Send header: GET /owner/name.git/info/refs?service=git-upload-pack HTTP/1.1
///     12:34:56.799012 http.c:756   <= Recv header: HTTP/1.1 200 OK
///
/// git leaves credentials out of it; what else is in there is looked at and dropped. A server chooses much of this text,
/// so every line is bounded and only these two forms are taken.
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

    private mutating func take(_ text: String) {
        if let sent = text.firstRange(of: "=> Send header: ") {
            let words = text[sent.upperBound...].split(separator: " ")
            guard words.count == 3, words[2].hasPrefix("HTTP/"), ["GET", "POST"].contains(words[0]),
                uses.count < Self.mostUses
            else { return }
            uses.append(
                TransferUse(
                    method: String(words[0]), target: PrintableText.escaped(words[1].utf8, longest: 1024), status: nil))
        } else if let received = text.firstRange(of: "<= Recv header: HTTP/") {
            let words = text[received.upperBound...].split(separator: " ")
            // 100 comes before the answer.
            guard words.count >= 2, let status = Int(words[1]), (200...599).contains(status), !uses.isEmpty else {
                return
            }
            uses[uses.count - 1].status = status
        }
    }
}
