// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// The last lines of every commit's message: which task and which prompt it comes from.
///
/// Written after the agent has ended and not by a hook, which an agent can leave out. A commit that lacks them is made
/// anew with the same tree, author and dates; its signature goes, since it would no longer be one.
struct Trailers {
    let lines: [(key: String, value: String)]

    /// - Returns: The commit that HEAD's has become.
    func stamp(from base: String, in git: Git) throws(Failure) -> String {
        guard let listing = try git.output(["rev-list", "--topo-order", "--reverse", "\(base)..HEAD"]) else {
            throw Failure("git rev-list failed")
        }
        var renamed: [String: String] = [:]
        var last = base
        for line in listing.split(separator: 0x0A) {
            let commit = String(decoding: line, as: UTF8.self)
            guard let bytes = try git.output(["cat-file", "commit", commit]) else {
                throw Failure("commit \(commit) cannot be read")
            }
            last = commit
            guard let changed = rewritten(bytes, renamed) else { continue }
            last = try git.write(changed, type: "commit")
            renamed[commit] = last
        }
        return last
    }

    /// The commit object with our lines and the new names of its parents; nil when it is right as it is.
    private func rewritten(_ bytes: [UInt8], _ renamed: [String: String]) -> [UInt8]? {
        var header: [UInt8] = []
        var changed = false
        var isSignature = false
        var at = 0
        while at < bytes.count {
            let end = bytes[at...].firstIndex(of: 0x0A) ?? bytes.count
            let line = bytes[at..<end]
            at = min(end + 1, bytes.count)
            if line.isEmpty { break }
            if line.first != 0x20 { isSignature = line.starts(with: "gpgsig".utf8) }
            if isSignature { continue }
            if line.starts(with: "parent ".utf8),
                let new = renamed[String(decoding: Array(line.dropFirst(7)), as: UTF8.self)]
            {
                header += Array("parent \(new)\n".utf8)
                changed = true
            } else {
                header += Array(line) + [0x0A]
            }
        }
        let message = Array(bytes[at...])
        let stamped = stamp(message)
        guard changed || stamped != message else { return nil }
        return header + [0x0A] + stamped
    }

    private func stamp(_ message: [UInt8]) -> [UInt8] {
        var text = message
        while let last = text.last, last == 0x0A || last == 0x20 { text.removeLast() }
        // Without a subject the lines would be one.
        if text.isEmpty { text = Array("(no message)".utf8) }
        var paragraph = text.count
        while paragraph > 0 {
            if paragraph > 1, text[paragraph - 1] == 0x0A, text[paragraph - 2] == 0x0A { break }
            paragraph -= 1
        }
        let block = text[paragraph...].split(separator: 0x0A)
        let isBlock = paragraph > 0 && !block.isEmpty && block.allSatisfy { Self.key($0) != nil }
        var kept: [[UInt8]] = []
        if isBlock {
            for line in block where !lines.contains(where: { isSame(Self.key(line), $0.key) }) {
                kept.append(Array(line))
            }
            text = Array(text[..<paragraph])
        } else {
            text += [0x0A, 0x0A]
        }
        for line in kept { text += line + [0x0A] }
        for line in lines { text += Array("\(line.key): \(line.value)\n".utf8) }
        return text
    }

    private func isSame(_ key: ArraySlice<UInt8>?, _ name: String) -> Bool { key?.elementsEqual(name.utf8) ?? false }

    /// What stands before the colon of a trailer; nil for a line that is none. git-interpret-trailers(1)
    private static func key(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let colon = line.firstIndex(of: 0x3A), colon > line.startIndex else { return nil }
        let key = line[line.startIndex..<colon]
        let isKey = key.allSatisfy {
            ($0 >= 0x41 && $0 <= 0x5A) || ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2D
        }
        return isKey ? key : nil
    }
}
