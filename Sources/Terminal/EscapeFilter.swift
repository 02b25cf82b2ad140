// SPDX-License-Identifier: Apache-2.0

/// Lets text, colours and cursor movement through to a person's terminal, and nothing that acts on it or asks it.
///
/// The output is put together from whole tokens: one printable scalar, one allowed control character, or one complete
/// sequence that a table allows. The terminal is therefore back in its ground state after every token, and bytes that
/// arrive apart cannot join into a sequence that was never judged. Everything else is shown in a visible form, or
/// dropped when its loss tells a reader nothing (see ``ControlSequence``).
///
/// The state is a few dozen bytes whatever the input; the output of one call is at most four times its input plus a
/// constant. The result does not depend on how the input is cut into calls.
///
/// - SeeAlso: ECMA-48; XTerm Control Sequences; console_codes(4); CVE-2023-28101 for what an unfiltered view costs.
package struct EscapeFilter: Sendable {
    /// What the terminal at the far end decodes.
    package enum Charset: Sendable {
        /// UTF-8, in which bytes 0x80-0x9F only ever continue a character.
        case utf8
        /// Anything else: there the second byte of a harmless letter may be CSI, so only ASCII passes.
        case ascii
    }

    /// Bytes of one string sequence that are taken away before what follows counts as text again.
    package static let longestString = 16_384
    /// Bytes of a defused sequence that its visible form repeats.
    package static let longestVisible = 24
    /// Bytes of a control sequence that are examined; a longer one is defused unread.
    package static let longestControl = 128

    private enum State: Sendable {
        case ground
        case character
        case escape
        case charsetDesignator(UInt8)
        case control
        case overlongControl(dropped: Int)
        case string(taken: Int)
    }

    private let charset: Charset
    private var state = State.ground
    private var character = UTF8Accumulator()
    /// The bytes after ESC of the sequence being read: all of a control sequence, the beginning of a string.
    private var pending: [UInt8] = []
    private var effects = TerminalEffects()

    /// Sequences and characters that were withheld or made visible so far.
    package private(set) var defused: UInt64 = 0

    package init(charset: Charset = .utf8) {
        self.charset = charset
        pending.reserveCapacity(Self.longestControl)
    }

    /// Bytes of memory that the unfinished part of the input occupies; bounded by ``longestControl``.
    package var pendingBytes: Int { pending.count }

    /// Filters the next piece of the stream and appends what may be shown.
    package mutating func filter(_ input: Span<UInt8>, into output: inout [UInt8]) {
        for index in input.indices {
            take(input[index], &output)
        }
    }

    /// Filters the next piece of the stream and appends what may be shown.
    package mutating func filter(_ input: [UInt8], into output: inout [UInt8]) {
        filter(input.span, into: &output)
    }

    /// Ends the stream: shows what was unfinished and undoes every mode that the stream left behind.
    ///
    /// A program that was killed cannot put the terminal back, and the person's own shell comes next.
    package mutating func finish(into output: inout [UInt8]) {
        switch state {
        case .ground: break
        case .character: replaceCharacter(&output)
        case .escape, .charsetDesignator: showPending(cut: false, &output)
        case .control: showPending(cut: false, &output)
        case .overlongControl, .string: showPending(cut: true, &output)
        }
        state = .ground
        output += effects.restoration()
        effects = TerminalEffects()
    }

    /// Advances by one byte; a byte that ends a sequence without belonging to it is judged again from the ground.
    private mutating func take(_ byte: UInt8, _ output: inout [UInt8]) {
        switch state {
        case .ground: takeGround(byte, &output)
        case .character: takeContinuation(byte, &output)
        case .escape: takeAfterEscape(byte, &output)
        case .charsetDesignator(let set): takeDesignator(byte, of: set, &output)
        case .control: takeControl(byte, &output)
        case .overlongControl(let dropped): takeOverlong(byte, dropped: dropped, &output)
        case .string(let taken): takeString(byte, taken: taken, &output)
        }
    }

    private mutating func takeGround(_ byte: UInt8, _ output: inout [UInt8]) {
        switch byte {
        case 0x20...0x7E, 0x08, 0x09, 0x0A, 0x0D:
            output.append(byte)
        case 0x0E, 0x0F:
            // Terminfo of screen and linux puts SI into sgr0 and draws lines with SO.
            effects.shifted = byte == 0x0E
            output.append(byte)
        case 0x1B:
            pending.removeAll(keepingCapacity: true)
            state = .escape
        case 0x00, 0x07, 0x7F:
            // Padding, and the bell, which is a notification to the host; a mark here would break line editors.
            defused += 1
        case 0x01...0x1F:
            defused += 1
            VisibleForm.appendControl(byte, charset, &output)
        default:
            switch character.begin(byte) {
            case .needMore: state = .character
            case .invalid: replaceCharacter(&output)
            }
        }
    }

    private mutating func takeContinuation(_ byte: UInt8, _ output: inout [UInt8]) {
        switch character.continue(byte) {
        case .needMore: break
        case .scalar(let scalar):
            state = .ground
            emit(scalar, &output)
        case .invalid:
            state = .ground
            replaceCharacter(&output)
            take(byte, &output)
        }
    }

    private mutating func takeAfterEscape(_ byte: UInt8, _ output: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "["):
            pending.append(byte)
            state = .control
        case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "X"), UInt8(ascii: "^"), UInt8(ascii: "_"),
            UInt8(ascii: "k"):
            // OSC, DCS, SOS, PM, APC, and the title string of screen and tmux.
            pending.append(byte)
            state = .string(taken: 0)
        case UInt8(ascii: "("), UInt8(ascii: ")"):
            pending.append(byte)
            state = .charsetDesignator(byte)
        case UInt8(ascii: "\\"):
            // String Terminator with nothing to end, as left behind by nested pass-through sequences: no effect.
            state = .ground
        case UInt8(ascii: "7"), UInt8(ascii: "8"), UInt8(ascii: "M"), UInt8(ascii: "D"), UInt8(ascii: "E"),
            UInt8(ascii: "="), UInt8(ascii: ">"):
            state = .ground
            if byte == UInt8(ascii: "=") || byte == UInt8(ascii: ">") {
                effects.applicationKeypad = byte == UInt8(ascii: "=")
            }
            output += [0x1B, byte]
        case 0x20...0x7E:
            // Among these: RIS, DECID, S8C1T, "ESC %" (which leaves UTF-8 and so turns letters into C1), shifts.
            pending.append(byte)
            showPending(cut: false, &output)
            state = .ground
        default:
            showPending(cut: false, &output)
            state = .ground
            take(byte, &output)
        }
    }

    private mutating func takeDesignator(_ byte: UInt8, of set: UInt8, _ output: inout [UInt8]) {
        state = .ground
        switch byte {
        case UInt8(ascii: "B"), UInt8(ascii: "0"):
            effects.designate(set, lineDrawing: byte == UInt8(ascii: "0"))
            output += [0x1B, set, byte]
        case 0x20...0x7E:
            pending.append(byte)
            showPending(cut: false, &output)
        default:
            showPending(cut: false, &output)
            take(byte, &output)
        }
    }

    private mutating func takeControl(_ byte: UInt8, _ output: inout [UInt8]) {
        switch byte {
        case 0x20...0x3F where pending.count < Self.longestControl - 1:
            pending.append(byte)
        case 0x20...0x3F:
            state = .overlongControl(dropped: 0)
        case 0x40...0x7E:
            pending.append(byte)
            state = .ground
            judgeControl(&output)
        default:
            // A terminal would carry out a control character in the middle and go on; nothing ordinary sends one.
            showPending(cut: false, &output)
            state = .ground
            take(byte, &output)
        }
    }

    private mutating func takeOverlong(_ byte: UInt8, dropped: Int, _ output: inout [UInt8]) {
        switch byte {
        case 0x20...0x3F where dropped < Self.longestString:
            state = .overlongControl(dropped: dropped + 1)
        case 0x40...0x7E:
            showPending(cut: true, &output)
            state = .ground
        default:
            showPending(cut: true, &output)
            state = .ground
            take(byte, &output)
        }
    }

    private mutating func takeString(_ byte: UInt8, taken: Int, _ output: inout [UInt8]) {
        switch byte {
        case 0x07:
            showPending(cut: false, &output)
            state = .ground
        case 0x18, 0x1A:
            showPending(cut: false, &output)
            state = .ground
        case 0x0A:
            // A program that died in the middle of a title must not take the rest of the log with it.
            showPending(cut: true, &output)
            state = .ground
            take(byte, &output)
        case 0x1B:
            showPending(cut: false, &output)
            pending.removeAll(keepingCapacity: true)
            state = .escape
        default:
            guard taken < Self.longestString else {
                showPending(cut: true, &output)
                state = .ground
                take(byte, &output)
                return
            }
            if pending.count <= Self.longestVisible { pending.append(byte) }
            state = .string(taken: taken + 1)
        }
    }

    private mutating func judgeControl(_ output: inout [UInt8]) {
        guard let sequence = ControlSequence(body: pending.span.extracting(droppingFirst: 1)) else {
            showPending(cut: false, &output)
            return
        }
        switch sequence.judgement {
        case .pass:
            effects.note(sequence)
            output.append(0x1B)
            output += pending
        case .modes(let modes):
            if modes.count < sequence.parameters.count { defused += 1 }
            effects.note(modes: modes, private: sequence.prefix != nil, set: sequence.final == UInt8(ascii: "h"))
            sequence.append(modes: modes, to: &output)
        case .drop:
            defused += 1
        case .show:
            showPending(cut: false, &output)
        }
    }

    private mutating func emit(_ scalar: Unicode.Scalar, _ output: inout [UInt8]) {
        if HiddenScalars.containsForTerminal(scalar) {
            defused += 1
            VisibleForm.appendScalar(scalar, &output)
        } else if charset == .utf8 {
            output.append(contentsOf: scalar.utf8)
        } else {
            output.append(UInt8(ascii: "?"))
        }
    }

    private mutating func replaceCharacter(_ output: inout [UInt8]) {
        defused += 1
        if charset == .utf8 {
            output += [0xEF, 0xBF, 0xBD]
        } else {
            output.append(UInt8(ascii: "?"))
        }
    }

    /// Shows the sequence that `pending` holds, except on the alternate screen: a program paints that one cell by
    /// cell, and marks would destroy its picture while telling nobody anything.
    private mutating func showPending(cut: Bool, _ output: inout [UInt8]) {
        defused += 1
        guard !effects.alternateScreen else { return }
        VisibleForm.appendSequence(pending.span, cut: cut, charset, &output)
    }
}
