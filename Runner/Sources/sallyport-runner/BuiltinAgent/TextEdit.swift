// SPDX-License-Identifier: Apache-2.0

/// One replacement in a file: it applies where the old text stands exactly once, and nowhere else.
package enum TextEdit {
    package enum Outcome: Sendable, Equatable {
        /// - Parameter line: Where the new text begins.
        case applied([UInt8], line: Int)
        /// Why not, in words for the model.
        case refused(String)
    }

    private static let mostPlaces = 10

    /// A file whose lines end in CR LF is edited with plain line ends, as it is shown.
    package static func apply(_ old: String, _ new: String, to file: [UInt8]) -> Outcome {
        var (old, new) = (Array(old.utf8), Array(new.utf8))
        guard !old.isEmpty else { return .refused("the old text is empty; to make a file, use write") }
        guard old != new else { return .refused("the new text is the old one") }
        if !old.contains(0x0D), hasReturns(file) {
            old = withReturns(old)
            new = withReturns(new.filter { $0 != 0x0D })
        }
        var places: [Int] = []
        var from = 0
        while places.count <= mostPlaces, let at = HTTPAnswerReader.find(old, in: file[from...]) {
            places.append(at)
            from = at + 1
        }
        switch places.count {
        case 0: return .refused(missing(old, in: file))
        case 1:
            let at = places[0]
            return .applied(Array(file[..<at]) + new + file[(at + old.count)...], line: line(of: at, in: file))
        default:
            let lines = places.prefix(mostPlaces).map { "\(line(of: $0, in: file))" }.joined(separator: ", ")
            let more = places.count > mostPlaces ? " and more" : ""
            return .refused(
                "the old text stands there more than once, at lines \(lines)\(more); add lines around it until it is the only one"
            )
        }
    }

    private static func line(of offset: Int, in file: [UInt8]) -> Int {
        file[..<offset].reduce(1) { $0 + ($1 == 0x0A ? 1 : 0) }
    }

    /// Every line of the file ends so, and there is one.
    private static func hasReturns(_ file: [UInt8]) -> Bool {
        var previous: UInt8 = 0
        var count = 0
        for byte in file {
            if byte == 0x0A {
                guard previous == 0x0D else { return false }
                count += 1
            }
            previous = byte
        }
        return count > 0
    }

    private static func withReturns(_ text: [UInt8]) -> [UInt8] {
        text.flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] }
    }

    // MARK: Near misses

    /// Models lose indentation: where the lines stand with other spaces, that is said.
    private static func missing(_ old: [UInt8], in file: [UInt8]) -> String {
        let wanted = lines(old)
        let there = lines(file)
        var first = wanted[...]
        while first.first?.isEmpty == true { first.removeFirst() }
        while first.last?.isEmpty == true { first.removeLast() }
        if !first.isEmpty, there.count >= first.count {
            for start in 0...(there.count - first.count)
            where there[start..<start + first.count].elementsEqual(first, by: { $0 == $1 }) {
                return "the old text does not stand there, but at line \(start + 1) it does with other spaces or tabs; "
                    + "copy it as read shows it, without the numbers"
            }
        }
        return "the old text does not stand there; look with read or search, and copy it to the byte"
    }

    /// Without the blanks at either end.
    private static func lines(_ text: [UInt8]) -> [ArraySlice<UInt8>] {
        text.split(separator: 0x0A, omittingEmptySubsequences: false).map { line in
            var line = line
            while let first = line.first, first == 0x20 || first == 0x09 { line.removeFirst() }
            while let last = line.last, last == 0x20 || last == 0x09 || last == 0x0D { line.removeLast() }
            return line
        }
    }
}
