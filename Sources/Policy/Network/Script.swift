// SPDX-License-Identifier: Apache-2.0

/// The writing system of a letter, as far as names in it are in use.
///
/// The blocks of Unicode stand in for its script property, which the standard library does not offer; letters outside
/// them are of no script here, and a name with one is refused rather than guessed at.
enum Script: Sendable, Hashable {
    case latin, greek, cyrillic, armenian, hebrew, arabic, devanagari, bengali, tamil, thai, georgian, ethiopic
    case han, kana, bopomofo, hangul
    /// Digits, the hyphen and marks that belong to the letter before them.
    case common

    static func of(_ scalar: Unicode.Scalar) -> Script? {
        switch scalar.properties.generalCategory {
        case .lowercaseLetter, .otherLetter, .modifierLetter: break
        case .nonspacingMark, .spacingMark, .decimalNumber: return .common
        default: return scalar == "-" || scalar == "_" ? .common : nil
        }
        return table.first { $0.range.contains(scalar.value) }?.script
    }

    private static let table: [(range: ClosedRange<UInt32>, script: Script)] = [
        (0x61...0x7A, .latin), (0xDF...0x24F, .latin), (0x1E00...0x1EFF, .latin),
        (0x370...0x3FF, .greek), (0x1F00...0x1FFF, .greek), (0x400...0x52F, .cyrillic), (0x531...0x58F, .armenian),
        (0x5D0...0x5F4, .hebrew), (0x600...0x6FF, .arabic), (0x750...0x77F, .arabic), (0x900...0x97F, .devanagari),
        (0x980...0x9FF, .bengali), (0xB80...0xBFF, .tamil), (0xE00...0xE7F, .thai), (0x10D0...0x10FF, .georgian),
        (0x1200...0x137F, .ethiopic), (0x3005...0x3007, .han), (0x3400...0x4DBF, .han), (0x4E00...0x9FFF, .han),
        (0x20000...0x2FA1F, .han), (0x3041...0x30FF, .kana), (0x3105...0x312F, .bopomofo), (0xAC00...0xD7A3, .hangul),
    ]

    /// Sets of scripts that one language writes together, beside Latin.
    private static let together: [Set<Script>] = [
        [.latin, .han, .kana], [.latin, .han, .bopomofo], [.latin, .hangul, .han],
    ]

    /// Whether one language is written with all of these.
    static func areOne(_ scripts: Set<Script>) -> Bool {
        let letters = scripts.subtracting([.common])
        return letters.count <= 1 || together.contains { letters.isSubset(of: $0) }
    }

    /// Letters of other scripts that look like Latin ones: a name of these alone reads as another name.
    static func looksLatin(_ scalar: Unicode.Scalar) -> Bool { lookalikes.contains(scalar) || of(scalar) == .common }

    /// Small letters of Cyrillic, Greek and Armenian that fonts draw like Latin ones.
    private static let lookalikes = Set(
        ("\u{430}\u{433}\u{435}\u{43E}\u{43F}\u{440}\u{441}\u{443}\u{445}\u{44C}\u{455}\u{456}\u{458}\u{461}\u{475}"
            + "\u{4BB}\u{4BD}\u{4CF}\u{501}\u{51B}\u{51D}"
            + "\u{3B1}\u{3B9}\u{3BA}\u{3BD}\u{3BF}\u{3C1}\u{3C4}\u{3C5}\u{3C9}"
            + "\u{570}\u{578}\u{57D}\u{581}\u{585}").unicodeScalars)
}
