// SPDX-License-Identifier: Apache-2.0
package import Store
package import TaskModel

/// What the operator says of this daemon, `/etc/sallyport/daemon.yaml`; a host without the file has the defaults.
package struct DaemonSettings: Sendable, Hashable {
    package static let path = "/etc/sallyport/daemon.yaml"

    /// How much of the host all tasks together may be promised, in percent of what it has.
    package struct Share: Sendable, Hashable {
        package var memoryPercent = 80
        /// Processors are shared by time, so they may be promised more than once.
        package var processorPercent = 400
        package var diskPercent = 80
    }

    /// How long the kernel may say that work stands still for want of something before no more is begun: percent of the last
    /// ten seconds, of some task for memory and processors, of all tasks for the disk.
    package struct Calm: Sendable, Hashable {
        package var memoryPercent = 20
        /// Processors that are always asked for are no danger: they are not waited for unless the operator says so.
        package var processorPercent = 100
        package var diskPercent = 60
    }

    /// The most that may be spent within a day and within a month, in micro-dollars.
    package struct Allowance: Sendable, Hashable {
        package var perDay: Int?
        package var perMonth: Int?
        package init(perDay: Int? = nil, perMonth: Int? = nil) {
            self.perDay = perDay
            self.perMonth = perMonth
        }
    }

    package struct Team: Sendable, Hashable {
        package var members: Set<String>
        package var allowance: Allowance
        package init(members: Set<String>, allowance: Allowance) {
            self.members = members
            self.allowance = allowance
        }
    }

    package struct Budgets: Sendable, Hashable {
        /// Of each user that has none of its own.
        package var eachUser = Allowance()
        package var eachRepository = Allowance()
        package var users: [String: Allowance] = [:]
        package var repositories: [String: Allowance] = [:]
        package var teams: [String: Team] = [:]
    }

    /// How long what is over is kept, in milliseconds.
    package struct Retention: Sendable, Hashable {
        package var tasks = 90 * Self.day
        package var logs = 90 * Self.day
        package var evidence = 90 * Self.day
        /// What only the session's own process needed.
        package var sessions = 7 * Self.day
        /// Below so much free space the oldest go before their time.
        package var freePercent = 5
        package static let day = 24 * 3_600_000
    }

    package var slots = TaskLimits.slots
    package var slotsPerOwner = TaskLimits.slotsPerOwner
    package var tasksPerHour = TaskLimits.tasksPerHour
    package var share = Share()
    package var calm = Calm()
    package var budgets = Budgets()
    package var retention = Retention()
    package var alarms = AlarmLimits()

    package init() {}

    package var caps: SlotCaps { SlotCaps(perOwner: slotsPerOwner, total: slots, perHour: tasksPerHour) }

    package init(caps: SlotCaps) {
        slots = caps.total
        slotsPerOwner = caps.perOwner
        tasksPerHour = caps.perHour
    }
}
