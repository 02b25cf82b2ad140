// SPDX-License-Identifier: Apache-2.0

/// One complete control sequence (CSI ... final byte), parsed, and what to do with it.
///
/// Allowed is what terminfo makes full-screen programs and line editors send. Two kinds of loss are told apart:
/// `show` for what could have acted on the terminal or made it answer, `drop` for what ordinary programs send all the
/// time, carries no payload and is merely not granted (mouse reports, keyboard protocols, the title stack).
struct ControlSequence {
    enum Judgement: Equatable {
        case pass
        /// Set or reset only these modes of the ones asked for; there is at least one.
        case modes([Int])
        case drop
        case show
    }

    /// DEC private modes that change only the picture: cursor keys, wrapping, blinking, visible cursor, the alternate
    /// screens, and bracketed paste, which protects the person. Not ?2 (VT52 mode parses differently afterwards), not
    /// ?3 (resizes the window), not ?1000-?1016 (mouse), not ?69 (gives `CSI s` another meaning).
    static let privateModes: Set<Int> = [1, 7, 12, 25, 47, 1047, 1048, 1049, 2004]
    /// ANSI modes: insert mode only. Not 2 (keyboard lock), not 20 (line feed mode).
    static let ansiModes: Set<Int> = [4]

    /// `<`, `=`, `>` or `?` in front of the parameters.
    let prefix: UInt8?
    /// Parameters in order, an omitted one as -1; sub-parameters of a colour count as parameters.
    let parameters: [Int]
    let intermediate: UInt8?
    let final: UInt8
    private let hasColon: Bool

    /// Parses what follows `CSI`, final byte included.
    ///
    /// Returns nil for a form that terminals disagree about: a number past 32,767 or of more than five digits, a
    /// marker out of place, more than one intermediate byte, parameters after an intermediate.
    init?(body: Span<UInt8>) {
        guard body.count >= 1 else { return nil }
        var index = 0
        var prefix: UInt8?
        if (0x3C...0x3F).contains(body[0]) {
            prefix = body[0]
            index = 1
        }
        var parameters: [Int] = []
        var current = -1
        var digits = 0
        var sawParameter = false
        var hasColon = false
        parsing: while index < body.count - 1 {
            let byte = body[index]
            switch byte {
            case 0x30...0x39:
                // Leading zeros count too: parsers differ in what they keep of a long number.
                digits += 1
                guard digits <= 5 else { return nil }
                current = max(current, 0) * 10 + Int(byte - 0x30)
                guard current <= 32_767 else { return nil }
            case UInt8(ascii: ";"), UInt8(ascii: ":"):
                parameters.append(current)
                current = -1
                digits = 0
                if byte == UInt8(ascii: ":") { hasColon = true }
            default:
                break parsing
            }
            sawParameter = true
            index += 1
        }
        if sawParameter { parameters.append(current) }
        var intermediate: UInt8?
        if index < body.count - 1 {
            guard index == body.count - 2, (0x20...0x2F).contains(body[index]) else { return nil }
            intermediate = body[index]
        }
        self.prefix = prefix
        self.parameters = parameters
        self.intermediate = intermediate
        self.final = body[body.count - 1]
        self.hasColon = hasColon
    }

    /// The one table that decides about control sequences.
    var judgement: Judgement {
        guard !hasColon || (final == UInt8(ascii: "m") && prefix == nil && intermediate == nil) else { return .show }
        switch (prefix, intermediate) {
        case (nil, nil): return plain
        case (nil, UInt8(ascii: " ")?):
            // DECSCUSR, the shape of the cursor.
            return final == UInt8(ascii: "q") && atMost(1, upTo: 6) ? .pass : .show
        case (nil, UInt8(ascii: "!")?):
            // DECSTR, a part of every `tput init`.
            return final == UInt8(ascii: "p") ? .drop : .show
        case (let marker?, nil): return marked(marker)
        default: return .show
        }
    }

    private var plain: Judgement {
        switch final {
        case UInt8(ascii: "A")...UInt8(ascii: "G"), UInt8(ascii: "d"), UInt8(ascii: "L"), UInt8(ascii: "M"),
            UInt8(ascii: "P"), UInt8(ascii: "S"), UInt8(ascii: "T"), UInt8(ascii: "X"), UInt8(ascii: "Z"),
            UInt8(ascii: "@"):
            // One parameter: `CSI T` with five starts highlight tracking, which makes the terminal answer.
            return atMost(1, upTo: 32_767) ? .pass : .show
        case UInt8(ascii: "H"), UInt8(ascii: "f"), UInt8(ascii: "r"):
            return atMost(2, upTo: 32_767) ? .pass : .show
        case UInt8(ascii: "b"):
            // Repeats the last character; terminfo of xterm sends it, for at most a line.
            return atMost(1, upTo: 1_000) ? .pass : .show
        case UInt8(ascii: "J"):
            // 3 erases the scrollback, which holds what the person did before this session.
            return atMost(1, upTo: 2) ? .pass : parameters == [3] ? .drop : .show
        case UInt8(ascii: "K"):
            return atMost(1, upTo: 2) ? .pass : .show
        case UInt8(ascii: "m"):
            return atMost(32, upTo: 255) ? .pass : .show
        case UInt8(ascii: "s"), UInt8(ascii: "u"):
            return parameters.isEmpty ? .pass : .show
        case UInt8(ascii: "h"), UInt8(ascii: "l"):
            return permitted(of: Self.ansiModes)
        case UInt8(ascii: "t"):
            // 22 and 23 are the title stack, part of smcup and rmcup; the others move windows and report titles.
            return parameters.first == 22 || parameters.first == 23 ? .drop : .show
        default:
            return .show
        }
    }

    private func marked(_ marker: UInt8) -> Judgement {
        switch (marker, final) {
        case (UInt8(ascii: "?"), UInt8(ascii: "h")), (UInt8(ascii: "?"), UInt8(ascii: "l")):
            return permitted(of: Self.privateModes)
        case (UInt8(ascii: ">"), UInt8(ascii: "m")), (UInt8(ascii: "?"), UInt8(ascii: "m")), (_, UInt8(ascii: "u")):
            return .drop
        default:
            return .show
        }
    }

    private func atMost(_ count: Int, upTo limit: Int) -> Bool {
        parameters.count <= count && parameters.allSatisfy { $0 <= limit }
    }

    /// Modes may be listed together; the allowed ones are kept, since `?1049;1006h` is one program's ordinary start.
    private func permitted(of allowed: Set<Int>) -> Judgement {
        guard parameters.count <= 16 else { return .show }
        let kept = parameters.filter(allowed.contains)
        return kept.isEmpty ? .drop : .modes(kept)
    }

    /// Appends this sequence with `modes` for its parameters.
    func append(modes: [Int], to output: inout [UInt8]) {
        output += [0x1B, UInt8(ascii: "[")]
        if let prefix { output.append(prefix) }
        output += Array(modes.map { String($0) }.joined(separator: ";").utf8)
        output.append(final)
    }
}
