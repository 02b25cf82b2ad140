// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import TaskModel

extension DaemonSettings {
    /// Reads the operator's file: closed, an unknown key is an error with its place.
    package static func read(_ bytes: [UInt8], file: String) throws(DocumentError) -> DaemonSettings {
        var root = try SettingsSection(try Node.read(bytes, file: file))
        guard try root.number("version", 1...1) != nil else { throw root.missing("version") }
        var settings = DaemonSettings()
        try settings.readSlots(&root)
        try settings.readHost(&root)
        try settings.readBudgets(&root)
        try settings.readRetention(&root)
        try settings.readAlarms(&root)
        try root.end()
        return settings
    }

    private mutating func readSlots(_ root: inout SettingsSection) throws(DocumentError) {
        let slots = try root.section("slots") { (section) throws(DocumentError) in
            (try section.number("total", 1...1000), try section.number("per_owner", 1...1000))
        }
        self.slots = slots?.0 ?? self.slots
        slotsPerOwner = slots?.1 ?? slotsPerOwner
        let perHour = try root.section("rate") { (section) throws(DocumentError) in
            try section.number("tasks_per_hour", 1...1_000_000)
        }
        tasksPerHour = (perHour ?? nil) ?? tasksPerHour
    }

    private mutating func readHost(_ root: inout SettingsSection) throws(DocumentError) {
        var (share, calm) = (self.share, self.calm)
        _ = try root.section("capacity") { (section) throws(DocumentError) in
            share.memoryPercent = try section.number("memory_percent", 1...95) ?? share.memoryPercent
            share.processorPercent = try section.number("cpu_percent", 1...10_000) ?? share.processorPercent
            share.diskPercent = try section.number("disk_percent", 1...95) ?? share.diskPercent
        }
        _ = try root.section("pressure") { (section) throws(DocumentError) in
            calm.memoryPercent = try section.number("memory_percent", 1...100) ?? calm.memoryPercent
            calm.processorPercent = try section.number("cpu_percent", 1...100) ?? calm.processorPercent
            calm.diskPercent = try section.number("io_percent", 1...100) ?? calm.diskPercent
        }
        (self.share, self.calm) = (share, calm)
    }

    private mutating func readBudgets(_ root: inout SettingsSection) throws(DocumentError) {
        func allowance(_ section: inout SettingsSection) throws(DocumentError) -> Allowance {
            Allowance(perDay: try section.dollars("day_usd"), perMonth: try section.dollars("month_usd"))
        }
        var budgets = Budgets()
        _ = try root.section("budgets") { (section) throws(DocumentError) in
            budgets.eachUser = try section.section("each_user", allowance) ?? Allowance()
            budgets.eachRepository = try section.section("each_repository", allowance) ?? Allowance()
            budgets.users = try section.each("users", allowance)
            budgets.repositories = try section.each("repositories", allowance)
            budgets.teams = try section.each("teams") { (team) throws(DocumentError) in
                guard let members = try team.words("members") else { throw team.missing("members") }
                for member in members where !Self.isOwner(member.text) {
                    throw SettingsSection.wrong(
                        member.place, "\"\(member.text)\" is no user", "Write uid:1000, as sallyport list shows it.")
                }
                return Team(members: Set(members.map(\.text)), allowance: try allowance(&team))
            }
        }
        self.budgets = budgets
    }

    private mutating func readRetention(_ root: inout SettingsSection) throws(DocumentError) {
        var kept = retention
        _ = try root.section("retention") { (section) throws(DocumentError) in
            kept.tasks = try section.age("tasks") ?? kept.tasks
            kept.logs = try section.age("logs") ?? kept.logs
            kept.evidence = try section.age("evidence") ?? kept.evidence
            kept.sessions = try section.age("sessions") ?? kept.sessions
            kept.freePercent = try section.number("free_percent", 0...50) ?? kept.freePercent
        }
        retention = kept
    }

    private mutating func readAlarms(_ root: inout SettingsSection) throws(DocumentError) {
        var limits = alarms
        _ = try root.section("alarms") { (section) throws(DocumentError) in
            limits.stuckAfter = try section.span("stuck_after") ?? limits.stuckAfter
            limits.queueLength = try section.number("queue_length", 1...100_000) ?? limits.queueLength
            limits.queueAge = try section.span("queue_age") ?? limits.queueAge
            limits.failedPercent = try section.number("failed_percent", 1...100) ?? limits.failedPercent
            limits.failedLeast = try section.number("failed_least", 1...10_000) ?? limits.failedLeast
            limits.failedWindow = try section.span("failed_window") ?? limits.failedWindow
            limits.diskFreePercent = try section.number("disk_free_percent", 0...90) ?? limits.diskFreePercent
        }
        alarms = limits
    }

    private static func isOwner(_ word: String) -> Bool {
        word.hasPrefix("uid:") && (1...10).contains(word.utf8.count - 4)
            && word.utf8.dropFirst(4).allSatisfy { (0x30...0x39).contains($0) }
    }
}
