// SPDX-License-Identifier: Apache-2.0

/// What a model is shown of a file.
package enum TextView {
    private static let mostBytes = 32 << 10
    private static let longestLine = 2000
    private static let longestMatch = 300

    package static func isBinary(_ file: [UInt8]) -> Bool { file.prefix(8000).contains(0) }

    /// Numbered lines, as many as there is room for, and how to see the rest.
    package static func numbered(_ file: [UInt8], first: Int, count: Int) -> String {
        let lines = lines(file)
        guard first <= lines.count else { return lines.isEmpty ? "[empty]" : "[it has \(lines.count) lines]" }
        var text = ""
        var shown = first - 1
        for line in lines[(first - 1)...].prefix(count) {
            let row = "\(shown + 1)\t" + cut(line, longest: longestLine) + "\n"
            guard shown == first - 1 || text.utf8.count + row.utf8.count <= mostBytes else { break }
            text += row
            shown += 1
        }
        if shown < lines.count {
            text += "[lines \(first)-\(shown) of \(lines.count); go on with first_line \(shown + 1)]"
        }
        return text
    }

    /// The lines that contain a text, as `place:line: text`.
    ///
    /// - Parameter most: No more than these.
    package static func matches(_ wanted: [UInt8], in file: [UInt8], place: String, most: Int) -> [String] {
        guard !isBinary(file), HTTPAnswerReader.find(wanted, in: file[...]) != nil else { return [] }
        var found: [String] = []
        for (index, line) in lines(file).enumerated() where found.count < most {
            guard HTTPAnswerReader.find(wanted, in: line) != nil else { continue }
            found.append("\(place):\(index + 1): \(cut(line, longest: longestMatch))")
        }
        return found
    }

    /// A last line without an end is one, nothing behind the last end is none.
    private static func lines(_ file: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines = file.split(separator: 0x0A, omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    private static func cut(_ line: ArraySlice<UInt8>, longest: Int) -> String {
        let line = line.last == 0x0D ? line.dropLast() : line
        guard line.count > longest else { return PlainText.of(line) }
        return PlainText.of(line.prefix(longest)) + " [\(line.count - longest) bytes left out]"
    }
}

/// A path that a tool was given, below the top directory of the clone.
package enum WorkPath {
    package enum Outcome: Sendable, Equatable {
        /// Without a slash at either end; "." is the directory itself.
        case inside(String)
        case refused(String)
    }

    private static let longest = 1000

    /// Where links lead is for the kernel to judge, when the path is opened.
    ///
    /// - Parameter top: The absolute path of the clone.
    package static func resolve(_ text: String, top: String) -> Outcome {
        guard !text.isEmpty, text.utf8.count <= longest, !text.utf8.contains(0) else {
            return .refused("the path is empty, too long, or has a zero byte in it")
        }
        var parts = text.utf8.split(separator: 0x2F)[...]
        if text.utf8.first == 0x2F {
            let above = top.utf8.split(separator: 0x2F)
            guard parts.starts(with: above, by: { $0.elementsEqual($1) }) else { return .refused(outside) }
            parts = parts.dropFirst(above.count)
        }
        var names: [String] = []
        for part in parts {
            let name = String(decoding: Array(part), as: UTF8.self)
            if name == "." { continue }
            guard name == ".." else {
                names.append(name)
                continue
            }
            guard names.popLast() != nil else { return .refused(outside) }
        }
        return .inside(names.isEmpty ? "." : names.joined(separator: "/"))
    }

    package static let outside =
        "the path leads out of the clone; files outside are for run, as in: cat /etc/os-release"
}
