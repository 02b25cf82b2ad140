// SPDX-License-Identifier: Apache-2.0

/// What the filter answers.
package enum SyscallAction: Sendable, Hashable {
    case allow
    /// The call returns this errno and leaves no record.
    case errno(Int32)
    /// SCMP_ACT_NOTIFY: an unprivileged process answers EPERM, from number and architecture only, and records it.
    case notify
}

/// One comparison of one argument, as seccomp_rule_add(3) knows it.
package struct ArgumentCondition: Sendable, Hashable {
    package enum Comparison: Sendable, Hashable {
        /// SCMP_CMP_EQ
        case eq
        /// SCMP_CMP_NE
        case ne
        /// SCMP_CMP_GT, unsigned over 64 bits
        case gt
        /// SCMP_CMP_MASKED_EQ: (argument & mask) == value
        case maskedEq(UInt64)
    }

    /// Which argument, counted from zero.
    package var index: Int
    package var op: Comparison
    package var value: UInt64
    /// Compare only the low 32 bits; with `eq` alone. The kernel truncates `int` arguments, so a comparison of all 64
    /// bits lets `0x1_0000_5412` through where `0x5412` is refused (CVE-2019-7303).
    /// A compiler writes it as SCMP_CMP_MASKED_EQ with the mask 0xffffffff.
    package var width32: Bool

    package init(index: Int, op: Comparison, value: UInt64, width32: Bool = false) {
        self.index = index
        self.op = op
        self.value = value
        self.width32 = width32
    }

    /// Whether an argument's 64-bit register value meets the condition.
    package func holds(_ argument: UInt64) -> Bool {
        let argument = width32 ? argument & 0xFFFF_FFFF : argument
        return switch op {
        case .eq: argument == value
        case .ne: argument != value
        case .gt: argument > value
        case .maskedEq(let mask): argument & mask == value
        }
    }
}

/// One rule for one call: all conditions must hold, and there is at most one for each argument.
package struct SyscallRule: Sendable, Hashable {
    package var name: String
    package var action: SyscallAction
    package var conditions: [ArgumentCondition]

    package init(name: String, action: SyscallAction, conditions: [ArgumentCondition] = []) {
        self.name = name
        self.action = action
        self.conditions = conditions
    }

    /// Whether a call with these register values falls under the rule. Missing arguments count as zero.
    package func matches(_ arguments: [UInt64]) -> Bool {
        conditions.allSatisfy { $0.holds(arguments.indices.contains($0.index) ? arguments[$0.index] : 0) }
    }
}

/// How one call is decided: the first case that matches, otherwise the last word.
///
/// This is the form to read and to test against; ``FilterSpecification/rules`` is the same thing cut into disjoint
/// rules, because libseccomp has no order between rules and no "otherwise".
package struct SyscallDecision: Sendable, Hashable {
    package struct Case: Sendable, Hashable {
        package var conditions: [ArgumentCondition]
        package var action: SyscallAction

        package init(_ conditions: [ArgumentCondition], _ action: SyscallAction) {
            self.conditions = conditions
            self.action = action
        }
    }

    package var cases: [Case]
    package var otherwise: SyscallAction

    package init(cases: [Case] = [], otherwise: SyscallAction) {
        self.cases = cases
        self.otherwise = otherwise
    }

    package func action(for arguments: [UInt64]) -> SyscallAction {
        cases.first { SyscallRule(name: "", action: $0.action, conditions: $0.conditions).matches(arguments) }?.action
            ?? otherwise
    }
}
