// SPDX-License-Identifier: Apache-2.0

/// What the sequences that passed have changed on the terminal, so that it can be put back at the end.
struct TerminalEffects: Sendable {
    var shifted = false
    var applicationKeypad = false
    private var coloured = false
    private var cursorShaped = false
    private var scrollRegion = false
    private var insertMode = false
    private var lineDrawingG0 = false
    private var lineDrawingG1 = false
    private var alternateModes: Set<Int> = []
    /// Private modes that are not as a terminal has them when a shell starts.
    private var changedModes: Set<Int> = []

    /// Private modes that are on by default; all others that pass are off.
    private static let onByDefault: Set<Int> = [7, 25]
    private static let alternateScreens: Set<Int> = [47, 1047, 1049]

    /// True while a full-screen program paints the alternate screen.
    var alternateScreen: Bool { !alternateModes.isEmpty }

    mutating func designate(_ set: UInt8, lineDrawing: Bool) {
        if set == UInt8(ascii: "(") { lineDrawingG0 = lineDrawing } else { lineDrawingG1 = lineDrawing }
    }

    /// Remembers a sequence that passed and is not a mode change.
    mutating func note(_ sequence: ControlSequence) {
        switch (sequence.final, sequence.intermediate) {
        case (UInt8(ascii: "m"), nil):
            coloured = !sequence.parameters.allSatisfy { $0 <= 0 }
        case (UInt8(ascii: "r"), nil):
            scrollRegion = !sequence.parameters.isEmpty
        case (UInt8(ascii: "q"), UInt8(ascii: " ")?):
            cursorShaped = !sequence.parameters.allSatisfy { $0 <= 0 }
        default:
            break
        }
    }

    /// Remembers modes that were let through.
    mutating func note(modes: [Int], private isPrivate: Bool, set: Bool) {
        guard isPrivate else {
            insertMode = set
            return
        }
        for mode in modes {
            if Self.alternateScreens.contains(mode) {
                // Leaving by any of the three numbers leaves the one alternate screen there is.
                if set { alternateModes.insert(mode) } else { alternateModes.removeAll() }
            } else if set == Self.onByDefault.contains(mode) {
                changedModes.remove(mode)
            } else if mode != 1048 {
                changedModes.insert(mode)
            }
        }
    }

    /// The sequences that undo all of it, or nothing when nothing is left over.
    func restoration() -> [UInt8] {
        var text = ""
        // Resetting the region moves the cursor home, hence saved around it, and before the screen is switched back.
        if scrollRegion { text += "\u{1B}7\u{1B}[r\u{1B}8" }
        for mode in alternateModes.sorted() { text += "\u{1B}[?\(mode)l" }
        for mode in changedModes.sorted() {
            text += "\u{1B}[?\(mode)\(Self.onByDefault.contains(mode) ? "h" : "l")"
        }
        if insertMode { text += "\u{1B}[4l" }
        if applicationKeypad { text += "\u{1B}>" }
        if cursorShaped { text += "\u{1B}[0 q" }
        if lineDrawingG0 { text += "\u{1B}(B" }
        if lineDrawingG1 { text += "\u{1B})B" }
        if shifted { text += "\u{0F}" }
        if coloured { text += "\u{1B}[0m" }
        return Array(text.utf8)
    }
}
