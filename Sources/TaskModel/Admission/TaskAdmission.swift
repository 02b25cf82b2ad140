// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What a task of the queue waits for.
package struct QueueReason: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable {
        /// Other tasks, by `depends_on`.
        case dependencies
        /// A slot: of its owner, of all, or of whoever is before it.
        case slots
        /// Memory, processors or disk that are promised to others.
        case capacity
        /// The host has more to do than it can.
        case pressure
        /// The end of a period whose budget is used up.
        case budget

        /// Whoever waits for it keeps those behind it waiting too, so that a large task is not passed by for ever.
        package var isOfHost: Bool {
            switch self {
            case .slots, .capacity, .pressure: true
            case .dependencies, .budget: false
            }
        }
    }

    package let kind: Kind
    /// What exactly, in words.
    package let detail: String

    package init(_ kind: Kind, _ detail: String) {
        self.kind = kind
        self.detail = detail
    }

    package var json: JSON { ["reason": .string(kind.rawValue), "detail": .string(detail)] }
}

/// What a task is given of the host while it holds a slot; promised, whether it uses it or not.
package struct TaskResources: Sendable, Hashable {
    package var memoryBytes: Int
    /// Thousandths of a processor.
    package var milliProcessors: Int
    package var diskBytes: Int

    package init(memoryBytes: Int, milliProcessors: Int, diskBytes: Int) {
        self.memoryBytes = memoryBytes
        self.milliProcessors = milliProcessors
        self.diskBytes = diskBytes
    }

    package static let nothing = TaskResources(memoryBytes: 0, milliProcessors: 0, diskBytes: 0)
    /// Of a task whose blueprint says nothing.
    package static let platform = TaskResources(memoryBytes: 2 << 30, milliProcessors: 1000, diskBytes: 4 << 30)

    package static func + (a: TaskResources, b: TaskResources) -> TaskResources {
        TaskResources(
            memoryBytes: a.memoryBytes + b.memoryBytes, milliProcessors: a.milliProcessors + b.milliProcessors,
            diskBytes: a.diskBytes + b.diskBytes)
    }

    package var json: JSON {
        [
            "memory_bytes": .int(memoryBytes), "cpu_milli": .int(milliProcessors), "disk_bytes": .int(diskBytes),
        ]
    }
}

/// The part of a task's row that its admission is decided by.
package struct TaskAdmission: Sendable, Hashable {
    /// A higher one goes first; within one, whoever came first.
    package var priority = TaskLimits.defaultPriority
    /// When this attempt was asked for.
    package var arrivedMilliseconds: Int
    /// When this attempt took its slot.
    package var admittedMilliseconds: Int?
    /// Why it is in the queue; nil outside of it.
    package var waits: QueueReason?
    package var resources = TaskResources.platform
    /// The most that this attempt may spend on models, in micro-dollars; nil when nothing bounds it.
    package var budgetMicroDollars: Int?
    /// What its blueprint gives its repository for a day and a month, in micro-dollars.
    package var repositoryDay: Int?
    package var repositoryMonth: Int?
    /// Who said that nothing of it may be removed, however old it is.
    package var heldBy: String?

    package init(arrivedMilliseconds: Int) { self.arrivedMilliseconds = arrivedMilliseconds }

    package var members: [JSON.Member] {
        [
            .init("priority", .int(priority)), .init("waits_for", waits?.json ?? .null),
            .init("admitted_ms", .optional(admittedMilliseconds)), .init("resources", resources.json),
            .init("held_by", .optional(heldBy)),
        ]
    }
}
