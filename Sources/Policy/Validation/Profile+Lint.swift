// SPDX-License-Identifier: Apache-2.0
import Documents

extension Profile {
    /// Everything wrong with the profile, errors first, each group in the order of the keys.
    package func lint() -> [LintFinding] {
        let findings =
            lintFilesystem() + lintSystemCalls() + lintEnvironment() + lintLimits() + lintEgress()
            + lintReasons()
        return findings.filter { $0.severity == .error } + findings.filter { $0.severity == .warning }
    }

    /// A finding about a key, with the place where it was written.
    package func finding(
        _ severity: LintFinding.Severity, _ key: String, _ message: String, remedy: String
    ) -> LintFinding {
        // A list that nobody wrote has no place; its profile's reason stands in the same file.
        let place = origins[key] ?? origins["reason"] ?? Place(file: name, line: 0)
        return LintFinding(severity: severity, place: place, message: "\(key) \(message)", remedy: remedy)
    }

    private func lintSystemCalls() -> [LintFinding] {
        var findings: [LintFinding] = []
        if !syscalls.allowGroups.contains(.ordinary) {
            findings.append(
                finding(
                    .error, "syscalls.allow_groups", "does not hold \"default\", so that no program could start",
                    remedy: "Add \"default\"."))
        }
        for (index, name) in syscalls.deny.enumerated() {
            let key = "syscalls.deny[\(index)]"
            if SyscallRefusals.neededToStart.contains(name) {
                findings.append(
                    finding(
                        .error, key, "is \"\(name)\", which the start of every sandbox needs",
                        remedy: "Remove it."))
            } else if syscalls.allowGroups.allSatisfy({ !$0.allows(name) }) {
                findings.append(
                    finding(.warning, key, "is \"\(name)\", which no group allows", remedy: "Remove it."))
            }
        }
        return findings
    }

    private func lintEnvironment() -> [LintFinding] {
        var findings: [LintFinding] = []
        for (index, name) in environment.pass.enumerated() where EnvironmentPolicy.steersPrograms(name) {
            findings.append(
                finding(
                    .error, "environment.pass[\(index)]",
                    "is \"\(name)\": the caller's value would decide what programs inside load or run",
                    remedy: "Set the value you want under environment.set."))
        }
        for variable in environment.set {
            let key = "environment.set.\(variable.name)"
            if EnvironmentPolicy.steersPrograms(variable.name) {
                findings.append(
                    finding(
                        .warning, key, "makes programs inside load or run something",
                        remedy: "Keep it only if that is what you want."))
            }
            if EnvironmentPolicy.looksLikeCredential(variable.name) {
                findings.append(
                    finding(
                        .warning, key, "is a name that credentials go by",
                        remedy: "Set a dummy value only; real ones are added outside, by the gateway."))
            }
        }
        return findings
    }
}

extension SyscallGroup {
    /// Whether the group has a system call, with conditions on its arguments or without.
    package func allows(_ name: String) -> Bool {
        names.contains(name) || self == .ordinary && ArgumentTables.ordinary[name] != nil
    }
}
