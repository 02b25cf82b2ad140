// SPDX-License-Identifier: Apache-2.0

/// A system call filter as data: what a compiler turns into a program and tests compare that program with.
///
/// Rules of one call never overlap, and together they cover every argument, so their order means nothing. No rule has
/// the default action (libseccomp refuses such rules). A name without rules gets the default.
package struct FilterSpecification: Sendable, Hashable {
    package let rules: [SyscallRule]
    /// For every number without a rule, known or not: ENOSYS, what a kernel without that call says.
    package let defaultAction: SyscallAction
    /// The decisions that `rules` were cut from.
    package let decisions: [String: SyscallDecision]

    private static let enosys: Int32 = 38

    /// Computes the filter of a profile. A denied name is refused and recorded, whatever group allows it.
    package init(_ policy: SyscallPolicy) {
        var decisions: [String: SyscallDecision] = [:]
        for name in SyscallRefusals.recorded.union(SyscallGroup.debugOwnChildren.names) {
            decisions[name] = SyscallDecision(otherwise: .notify)
        }
        for group in policy.allowGroups {
            for name in group.names { decisions[name] = SyscallDecision(otherwise: .allow) }
            if group == .ordinary { decisions.merge(ArgumentTables.ordinary) { $1 } }
        }
        for name in policy.deny { decisions[name] = SyscallDecision(otherwise: .notify) }

        let defaultAction = SyscallAction.errno(Self.enosys)
        self.decisions = decisions
        self.defaultAction = defaultAction
        rules = decisions.keys.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }.flatMap { name in
            decisions[name]?.disjointRules(name: name).filter { $0.action != defaultAction } ?? []
        }
    }

    /// What the filter answers a call: the reference that a compiled program must agree with.
    package func evaluate(_ name: String, _ arguments: [UInt64] = []) -> SyscallAction {
        decisions[name]?.action(for: arguments) ?? defaultAction
    }

    /// A stable rendering, one rule a line: two profiles with the same text have the same filter.
    package var canonicalText: String {
        "sallyport-filter 1\ndefault \(defaultAction.text)\n" + rules.map { "\($0.text)\n" }.joined()
    }
}

extension SyscallAction {
    /// The action as it stands in goldens and explanations.
    package var text: String {
        switch self {
        case .allow: "allow"
        case .notify: "refuse EPERM, recorded"
        case .errno(38): "refuse ENOSYS"
        case .errno(93): "refuse EPROTONOSUPPORT"
        case .errno(97): "refuse EAFNOSUPPORT"
        case .errno(let number): "refuse errno \(number)"
        }
    }
}

extension SyscallRule {
    package var text: String {
        ([name] + conditions.map { $0.text } + ["->", action.text]).joined(separator: " ")
    }
}

extension ArgumentCondition {
    package var text: String {
        let shown = "0x" + String(value, radix: 16)
        let argument = width32 ? "arg\(index)[31:0]" : "arg\(index)"
        return switch op {
        case .eq: "\(argument)==\(shown)"
        case .ne: "\(argument)!=\(shown)"
        case .gt: "\(argument)>\(shown)"
        case .maskedEq(let mask): "\(argument)&0x\(String(mask, radix: 16))==\(shown)"
        }
    }
}

extension SyscallDecision {
    /// One line: `allow`, or the cases in order and what holds otherwise.
    package var text: String {
        let parts = cases.map { entry in
            "\(entry.action.text) if " + entry.conditions.map { $0.text }.joined(separator: " and ")
        }
        return (parts + [cases.isEmpty ? otherwise.text : "otherwise \(otherwise.text)"]).joined(separator: "; ")
    }
}
