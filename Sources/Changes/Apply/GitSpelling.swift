// SPDX-License-Identifier: Apache-2.0

/// Names that are not `.git` here but are on another file system that the tree may reach.
///
/// NTFS drops trailing dots and spaces, has streams (`.git::$INDEX_ALLOCATION`) and short names (`GIT~1`); HFS+ ignores
/// zero-width characters; both fold case. CVE-2014-9390, CVE-2019-1352, CVE-2019-1353
enum GitSpelling {
    static func couldMeanGit(_ name: [UInt8]) -> Bool {
        // A backslash separates names on Windows.
        name.split(separator: UInt8(ascii: "\\")).contains { part in
            let plain = stripped(Array(part))
            return plain == ".git" || isShortName(plain)
        }
    }

    private static func stripped(_ name: [UInt8]) -> String {
        let scalars = String(decoding: name, as: UTF8.self).lowercased().unicodeScalars.filter {
            !ignoredByHFS($0.value)
        }
        var text = String(String.UnicodeScalarView(scalars))
        if let stream = text.firstIndex(of: ":") { text = String(text[..<stream]) }
        while let last = text.unicodeScalars.last, last == "." || last == " " { text.unicodeScalars.removeLast() }
        return text
    }

    /// `git~1` and the numbers after it.
    private static func isShortName(_ name: String) -> Bool {
        guard name.hasPrefix("git~") else { return false }
        let number = name.dropFirst(4)
        return !number.isEmpty && number.utf8.allSatisfy { (48...57).contains($0) }
    }

    private static func ignoredByHFS(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x200C...0x200F, 0x202A...0x202E, 0x206A...0x206F, 0xFEFF: true
        default: false
        }
    }
}
