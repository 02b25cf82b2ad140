// SPDX-License-Identifier: Apache-2.0
import Documents
import Orchestrator
import Store
import TaskModel
import Testing

/// The operator's file.
@Suite("daemon settings")
struct SettingsTests {
    private func read(_ text: String) throws -> DaemonSettings {
        try DaemonSettings.read(Array(text.utf8), file: "daemon.yaml")
    }

    @Test("every key is read, and what is not said is the default")
    func all() throws {
        #expect(try read("version: 1\n") == DaemonSettings())
        let settings = try read(
            """
            version: 1
            slots: {total: 20, per_owner: 4}
            rate: {tasks_per_hour: 30}
            capacity: {memory_percent: 70, cpu_percent: 200, disk_percent: 60}
            pressure: {memory_percent: 15, cpu_percent: 90, io_percent: 50}
            budgets:
              each_user: {day_usd: 5}
              each_repository: {month_usd: 100.50}
              users:
                "uid:1000": {day_usd: 20, month_usd: 200}
              repositories:
                /srv/git/app.git: {day_usd: 7}
              teams:
                core: {members: ["uid:1000", "uid:1001"], day_usd: 30}
            retention: {tasks: 30d, logs: 20d, evidence: 60d, sessions: 36h, free_percent: 10}
            alarms:
              {stuck_after: 90m, queue_length: 7, queue_age: 2h, failed_percent: 20, failed_least: 3, failed_window: 1d,
               disk_free_percent: 15}
            """)
        #expect(settings.caps == .init(perOwner: 4, total: 20, perHour: 30))
        #expect(settings.share.memoryPercent == 70 && settings.share.processorPercent == 200)
        #expect(settings.share.diskPercent == 60 && settings.calm.diskPercent == 50)
        #expect(settings.calm.memoryPercent == 15 && settings.calm.processorPercent == 90)
        #expect(settings.budgets.eachUser == .init(perDay: 5_000_000))
        #expect(settings.budgets.eachRepository == .init(perMonth: 100_500_000))
        #expect(settings.budgets.users["uid:1000"] == .init(perDay: 20_000_000, perMonth: 200_000_000))
        #expect(settings.budgets.repositories["/srv/git/app.git"] == .init(perDay: 7_000_000))
        #expect(settings.budgets.teams["core"]?.members == ["uid:1000", "uid:1001"])
        #expect(settings.budgets.teams["core"]?.allowance == .init(perDay: 30_000_000))
        #expect(settings.retention.tasks == 30 * DaemonSettings.Retention.day)
        #expect(settings.alarms.stuckAfter == 90 * 60_000 && settings.alarms.queueLength == 7)
        #expect(settings.alarms.queueAge == 2 * AlarmLimits.hour && settings.alarms.failedPercent == 20)
        #expect(settings.alarms.failedLeast == 3 && settings.alarms.failedWindow == 24 * AlarmLimits.hour)
        #expect(settings.alarms.diskFreePercent == 15)
        #expect(settings.retention.sessions == 36 * 3_600_000 && settings.retention.freePercent == 10)
    }

    @Test(
        "what is wrong is refused with its line",
        arguments: [
            ("slots: {total: 1}\n", 1, "version is missing"),
            ("version: 1\nslot: {total: 1}\n", 2, "unknown key \"slot\""),
            ("version: 1\nslots:\n  total: 2\n  totl: 3\n", 4, "unknown key \"slots.totl\""),
            ("version: 1\nslots: {total: 0}\n", 2, "slots.total is \"0\""),
            ("version: 1\nrate: {tasks_per_hour: ten}\n", 2, "tasks_per_hour is \"ten\""),
            ("version: 1\nbudgets:\n  each_user: {day_usd: -1}\n", 3, "day_usd is \"-1\""),
            ("version: 1\nbudgets:\n  each_user: {day_usd: 0}\n", 3, "day_usd is \"0\""),
            ("version: 1\nbudgets:\n  users:\n    root: {week_usd: 1}\n", 4, "unknown key"),
            ("version: 1\nbudgets:\n  teams:\n    a: {day_usd: 1}\n", 4, "members is missing"),
            ("version: 1\nbudgets:\n  teams:\n    a: {members: [root]}\n", 4, "\"root\" is no user"),
            ("version: 1\nretention: {tasks: 90}\n", 2, "retention.tasks is \"90\""),
            ("version: 2\n", 1, "version is \"2\""), ("- 1\n", 1, "the file is a list"),
            ("version: 1\nversion: 1\n", 2, "a second time"),
        ])
    func flaws(_ text: String, _ line: Int, _ reason: String) throws {
        let error = #expect(throws: DocumentError.self) { try read(text) }
        #expect(error?.place.line == line && error?.reason.contains(reason) == true, "\(error.map { "\($0)" } ?? "")")
    }
}
