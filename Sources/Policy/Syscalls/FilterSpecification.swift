// SPDX-License-Identifier: Apache-2.0

/// A system call filter as data: what a compiler turns into a program and tests compare that program with.
///
/// Rules of one call never overlap, and together they cover every argument, so their order means nothing. No rule has
/// the default action (libseccomp refuses such rules). A name without rules gets the default.
package struct FilterSpecification: Sendable, Hashable {
    private let policy: SyscallPolicy

    /// The filter of a profile. A denied name is refused and recorded, whatever group allows it.
    ///
    /// Costs nothing yet: ``rules`` takes about half a millisecond, which a start with a compiled filter at hand must
    /// not spend. Such a start asks for ``identity`` alone.
    package init(_ policy: SyscallPolicy) { self.policy = policy }

    /// Counts the changes of the tables: raised whenever the same policy comes to mean other rules.
    package static let revision = 5

    /// For every number without a rule, known or not: ENOSYS, what a kernel without that call says.
    package let defaultAction = SyscallAction.errno(38)

    /// Names a filter without computing it: the same text means the same rules, in every program that has them.
    package var identity: String {
        let groups = Self.list(policy.allowGroups.map { $0.rawValue })
        return "sallyport-filter 1 revision \(Self.revision) groups \(groups) deny \(Self.list(policy.deny))"
    }

    /// Sorted, each name once. Without `Set` and `joined`, whose types every start would have to work out.
    private static func list(_ names: [String]) -> String {
        var text = ""
        var previous: String?
        for name in names.sorted() where name != previous {
            text += previous == nil ? name : "," + name
            previous = name
        }
        return text
    }

    /// How one call is decided; nil for one that is left to the default.
    package func decision(for name: String) -> SyscallDecision? {
        if policy.deny.contains(name) { return SyscallDecision(otherwise: .notify) }
        if policy.allowGroups.contains(.ordinary), let byArguments = ArgumentTables.ordinary[name] {
            return byArguments
        }
        if policy.allowGroups.contains(where: { $0.names.contains(name) }) { return SyscallDecision(otherwise: .allow) }
        // Without its group a call that is named somewhere is refused and recorded; probes are not.
        let isNamed =
            SyscallRefusals.recorded.contains(name) || SyscallGroup.debugOwnChildren.names.contains(name)
        return isNamed ? SyscallDecision(otherwise: .notify) : nil
    }

    /// The decisions cut into rules, in the order of the calls' numbers. Computed at each call.
    package var rules: [SyscallRule] {
        SyscallTable.names.flatMap { name in
            decision(for: name)?.disjointRules(name: name).filter { $0.action != defaultAction } ?? []
        }
    }

    /// What the filter answers a call: the reference that a compiled program must agree with.
    package func evaluate(_ name: String, _ arguments: [UInt64] = []) -> SyscallAction {
        decision(for: name)?.action(for: arguments) ?? defaultAction
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
        case .errno(0): "answer 0, nothing done"
        case .errno(12): "refuse ENOMEM"
        case .errno(22): "refuse EINVAL"
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
