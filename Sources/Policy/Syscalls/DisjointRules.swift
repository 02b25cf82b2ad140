// SPDX-License-Identifier: Apache-2.0

/// Cuts "first match, otherwise" into rules that never overlap.
///
/// Each rule is a box: for each argument a pattern of fixed bits, or "greater than 63". Taking one box out of another
/// leaves at most one smaller box for each bit the two differ in, so a whole decision stays a list of boxes, and
/// each box is one libseccomp rule with one comparison for each argument.
struct ArgumentBox: Hashable {
    enum Side: Hashable {
        /// (argument & mask) == value
        case bits(mask: UInt64, value: UInt64)
        /// argument > 63
        case large
    }

    /// Bits above this limit are split off in one piece, as "greater than 63": socket families and protocols are small
    /// numbers, and 58 single-bit rules for each of them would be the larger part of the filter.
    private static let highBits = ~UInt64(63)

    private var sides: [Side] = Array(repeating: .bits(mask: 0, value: 0), count: 6)

    static let everything = ArgumentBox()

    private init() {}

    init(_ conditions: [ArgumentCondition]) {
        for condition in conditions {
            sides[condition.index] =
                switch condition.op {
                case .eq where condition.width32: .bits(mask: 0xFFFF_FFFF, value: condition.value)
                case .eq: .bits(mask: .max, value: condition.value)
                case .maskedEq(let mask): .bits(mask: mask, value: condition.value)
                case .ne, .gt: preconditionFailure("a table condition must fix bits")
                }
        }
    }

    /// The part of this box inside `other`; nil when there is none.
    func intersection(_ other: ArgumentBox) -> ArgumentBox? {
        var result = self
        for index in sides.indices {
            guard let side = Self.meet(sides[index], other.sides[index]) else { return nil }
            result.sides[index] = side
        }
        return result
    }

    /// The parts of this box outside `other`, none overlapping another.
    func subtracting(_ other: ArgumentBox) -> [ArgumentBox] {
        guard intersection(other) != nil else { return [self] }
        var pieces: [ArgumentBox] = []
        var rest = self
        for index in sides.indices {
            guard case .bits(let wantedMask, let wantedValue) = other.sides[index],
                case .bits(var mask, var value) = rest.sides[index]
            else { continue }
            if mask & Self.highBits == 0, wantedMask & Self.highBits == Self.highBits, wantedValue <= 63 {
                var piece = rest
                piece.sides[index] = .large
                // "Greater than 63" can carry no further bits; a side with low bits fixed is split bit by bit below.
                if mask == 0 {
                    pieces.append(piece)
                    mask = Self.highBits
                }
            }
            var open = wantedMask & ~mask
            while open != 0 {
                let bit = UInt64(1) << UInt64(63 - open.leadingZeroBitCount)
                open &= ~bit
                mask |= bit
                var piece = rest
                piece.sides[index] = .bits(mask: mask, value: value | (~wantedValue & bit))
                pieces.append(piece)
                value |= wantedValue & bit
            }
            rest.sides[index] = .bits(mask: mask, value: value)
        }
        return pieces
    }

    /// The box as conditions; arguments without a fixed bit have none.
    var conditions: [ArgumentCondition] {
        sides.indices.compactMap { index in
            switch sides[index] {
            case .bits(mask: 0, _): nil
            case .bits(mask: .max, let value): ArgumentCondition(index: index, op: .eq, value: value)
            case .bits(mask: 0xFFFF_FFFF, let value):
                ArgumentCondition(index: index, op: .eq, value: value, width32: true)
            case .bits(let mask, let value): ArgumentCondition(index: index, op: .maskedEq(mask), value: value)
            case .large: ArgumentCondition(index: index, op: .gt, value: 63)
            }
        }
    }

    private static func meet(_ first: Side, _ second: Side) -> Side? {
        switch (first, second) {
        case (.bits(let mask, let value), .bits(let otherMask, let otherValue)):
            (value ^ otherValue) & mask & otherMask == 0
                ? .bits(mask: mask | otherMask, value: value | otherValue) : nil
        case (.large, .large): .large
        case (.large, .bits(let mask, let value)), (.bits(let mask, let value), .large):
            mask == 0 ? .large : disjointFromLarge(mask: mask, value: value)
        }
    }

    private static func disjointFromLarge(mask: UInt64, value: UInt64) -> Side? {
        precondition(mask & highBits == highBits && value <= 63, "a table mixes small numbers and bit patterns")
        return nil
    }
}

extension SyscallDecision {
    /// The same decision as rules of which exactly one matches any call.
    func disjointRules(name: String) -> [SyscallRule] {
        var rest = [ArgumentBox.everything]
        var rules: [SyscallRule] = []
        for entry in cases {
            let wanted = ArgumentBox(entry.conditions)
            for part in rest.compactMap({ $0.intersection(wanted) }) {
                rules.append(SyscallRule(name: name, action: entry.action, conditions: part.conditions))
            }
            rest = rest.flatMap { $0.subtracting(wanted) }
        }
        return rules + rest.map { SyscallRule(name: name, action: otherwise, conditions: $0.conditions) }
    }
}
