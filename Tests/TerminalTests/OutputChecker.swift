// SPDX-License-Identifier: Apache-2.0

/// Looks for anything forbidden in what the filter let through; written without the filter's code or tables.
///
/// It reads the finished output as a terminal would that obeys everything it knows, and names the first thing that
/// must not be there.
enum OutputChecker {
    /// The first forbidden thing, or nil.
    static func firstForbidden(in output: [UInt8]) -> String? {
        guard let text = String(validating: output, as: UTF8.self) else { return "invalid UTF-8" }
        let scalars = Array(text.unicodeScalars)
        var index = 0
        while index < scalars.count {
            let value = scalars[index].value
            if value == 0x1B {
                guard let length = allowedSequence(scalars[index...]) else {
                    return "ESC "
                        + scalars[index...].dropFirst().prefix(12).map { String($0.value, radix: 16) }
                        .joined(separator: " ")
                }
                index += length
                continue
            }
            if value < 0x20, ![0x08, 0x09, 0x0A, 0x0D, 0x0E, 0x0F].contains(value) { return "control \(value)" }
            if (0x7F...0x9F).contains(value) { return "control \(value)" }
            let unseen: [ClosedRange<UInt32>] = [
                0x202A...0x202E, 0x2066...0x2069, 0x200E...0x200F, 0x61C...0x61C, 0x2028...0x2029, 0xE0000...0xE0FFF,
            ]
            if unseen.contains(where: { $0.contains(value) }) { return "character \(value)" }
            index += 1
        }
        return nil
    }

    /// The length of the allowed sequence at the front, or nil.
    private static func allowedSequence(_ scalars: ArraySlice<Unicode.Scalar>) -> Int? {
        let characters = scalars.dropFirst().prefix(300).map { Character($0) }
        guard let first = characters.first else { return nil }
        if "78MDE=>".contains(first) { return 2 }
        if "()".contains(first) { return characters.count > 1 && "B0".contains(characters[1]) ? 3 : nil }
        guard first == "[" else { return nil }
        guard let end = characters.dropFirst().firstIndex(where: { ("@"..."~").contains($0) }) else { return nil }
        let body = String(characters[1..<end])
        let final = characters[end]
        return isAllowed(body, final) ? end + 2 : nil
    }

    private static func isAllowed(_ body: String, _ final: Character) -> Bool {
        let numbers = body.split(separator: ";", omittingEmptySubsequences: false)
        let isNumeric = body.allSatisfy { "0123456789;".contains($0) }
        func few(_ count: Int) -> Bool { isNumeric && numbers.count <= count && numbers.allSatisfy { $0.count <= 5 } }
        switch final {
        case "A", "B", "C", "D", "E", "F", "G", "L", "M", "P", "S", "T", "X", "Z", "@", "d": return few(1)
        case "b": return few(1) && (Int(body) ?? 1) <= 1_000
        case "H", "f", "r": return few(2)
        case "J", "K": return ["", "0", "1", "2", "00", "01", "02"].contains(body) || few(1) && (Int(body) ?? 9) <= 2
        case "s", "u": return body.isEmpty
        case "m":
            return body.allSatisfy { "0123456789;:".contains($0) }
                && numbers.count <= 32
                && body.split(whereSeparator: { ";:".contains($0) }).allSatisfy { (Int($0) ?? 256) <= 255 }
        case "q": return body.hasSuffix(" ") && body.count <= 128 && (Int(body.dropLast()) ?? 0) <= 6
        case "h", "l":
            if body.hasPrefix("?") {
                return body.dropFirst().split(separator: ";", omittingEmptySubsequences: false).allSatisfy {
                    ["1", "7", "12", "25", "47", "1047", "1048", "1049", "2004"].contains($0)
                }
            }
            return numbers.allSatisfy { $0 == "4" }
        default: return false
        }
    }
}
