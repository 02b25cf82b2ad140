// SPDX-License-Identifier: Apache-2.0
package import Documents
package import Policy

/// What this program itself saw of an observed run, for its proposal: all but the audit, which a process without
/// privilege reads.
package struct ObservedRun: Sendable, Hashable {
    package struct Refusal: Sendable, Hashable {
        package var syscall: String
        package var count: UInt64
        /// The group that a profile could allow it by; nil when none has it.
        package var group: String?
    }

    package var session: String
    package var command: String
    /// The profile's name as `extends` takes it.
    package var base: String
    package var refusals: [Refusal]
    package var limitsHit: [String]
    package var keptEntries: Int?

    /// - Parameters:
    ///   - profile: What was observed over.
    ///   - base: Its name as `extends` takes it.
    package init(_ result: SessionResult, over profile: Profile, base: String, command: String) {
        session = result.session
        self.command = command
        self.base = base
        limitsHit = result.limitsHit
        keptEntries = result.keptEntries
        refusals = result.denials.map { denial in
            let groups = SyscallGroup.allCases.filter {
                $0.allows(denial.syscall) && !profile.syscalls.allowGroups.contains($0)
            }
            return Refusal(syscall: denial.syscall, count: denial.count, group: groups.first?.rawValue)
        }
    }

    package var json: JSON {
        .object([
            .init("session", .string(session)), .init("command", .string(command)), .init("base", .string(base)),
            .init(
                "refusals",
                .array(
                    refusals.map {
                        [
                            "syscall": .string($0.syscall), "count": .number($0.count), "group": .optional($0.group),
                        ]
                    })),
            .init("limits_hit", .array(limitsHit.map { .string($0) })), .init("kept_entries", .optional(keptEntries)),
        ])
    }

    /// Reads back what ``json`` wrote; nil for anything else.
    package init?(json: JSON) {
        guard let session = json["session"]?.stringValue, let command = json["command"]?.stringValue,
            let base = json["base"]?.stringValue, let refusals = json["refusals"]?.arrayValue,
            let limits = json["limits_hit"]?.arrayValue
        else { return nil }
        self.session = session
        self.command = command
        self.base = base
        self.refusals = []
        for item in refusals {
            guard let syscall = item["syscall"]?.stringValue,
                let count = item["count"]?.intValue.flatMap({ UInt64(exactly: $0) })
            else { return nil }
            self.refusals.append(Refusal(syscall: syscall, count: count, group: item["group"]?.stringValue))
        }
        limitsHit = limits.compactMap { $0.stringValue }
        keptEntries = json["kept_entries"]?.intValue
    }
}
