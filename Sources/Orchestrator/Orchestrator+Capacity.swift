// SPDX-License-Identifier: Apache-2.0
internal import Store
internal import TaskModel

/// Whether the host has what a task is to be given.
///
/// Two questions, since promises say nothing of what others use, and what is free now says nothing of what was promised:
/// all promises together stay within the operator's share of the host, and what the task is promised is there today.
extension Orchestrator {
    /// How long after it was found busy the host is looked at again; nobody tells when it becomes calm.
    static let busyMilliseconds = 10_000

    func capacity(for task: TaskRecord) throws(StoreError) -> AdmissionVerdict? {
        let wanted = task.admission.resources
        let load: HostLoad
        do throws(TaskRefusal) { load = try currentLoad() } catch {
            // Unknown is not enough. Somebody may repair it.
            return .wait(QueueReason(.capacity, "\(error)"), until: milliseconds + Self.busyMilliseconds)
        }
        let promised = try store.slotHolders().map(\.resources).reduce(.nothing, +)
        let share = settings.share
        for (name, need, taken, size, percent) in [
            ("memory", wanted.memoryBytes, promised.memoryBytes, load.size.memoryBytes, share.memoryPercent),
            (
                "processors", wanted.milliProcessors, promised.milliProcessors, load.size.milliProcessors,
                share.processorPercent
            ),
            ("disk", wanted.diskBytes, promised.diskBytes, load.size.diskBytes, share.diskPercent),
        ] {
            // In two parts, so that no size of a host can overflow.
            let most = size / 100 * percent + size % 100 * percent / 100
            if need > most {
                return .refuse(
                    TaskFailureRecord(
                        .config, .service,
                        "cannot begin: it is to have \(Self.text(name, need)) of \(name), and all tasks of this host together may have \(Self.text(name, most)). Give it less, or raise the host's share in \(DaemonSettings.path)."
                    ))
            }
            if taken + need > most {
                return .wait(
                    QueueReason(
                        .capacity,
                        "\(Self.text(name, need)) of \(name), of which \(Self.text(name, max(0, most - taken))) are not promised yet"
                    ), until: nil)
            }
        }
        return busy(load, wanted)
    }

    private func busy(_ load: HostLoad, _ wanted: TaskResources) -> AdmissionVerdict? {
        func wait(_ detail: String) -> AdmissionVerdict {
            .wait(QueueReason(.pressure, detail), until: milliseconds + Self.busyMilliseconds)
        }
        if load.availableMemory < wanted.memoryBytes {
            return wait(
                "\(Self.text("memory", wanted.memoryBytes)) of memory, of which \(Self.text("memory", load.availableMemory)) are free"
            )
        }
        if load.availableDisk < wanted.diskBytes {
            return wait(
                "\(Self.text("disk", wanted.diskBytes)) of disk, of which \(Self.text("disk", load.availableDisk)) are free"
            )
        }
        guard let pressure = load.pressure else {
            if !hasToldOfPressure {
                hasToldOfPressure = true
                host.log("this kernel tells no pressure (/proc/pressure): tasks are admitted by memory and disk alone")
            }
            return nil
        }
        for (name, seen, most) in [
            ("memory", pressure.memory, settings.calm.memoryPercent),
            ("processors", pressure.processors, settings.calm.processorPercent),
            ("disk", pressure.disk, settings.calm.diskPercent),
        ] where seen > Double(most) {
            return wait(
                "calm: \(Int(seen)) % of the last ten seconds went by waiting for \(name), and at most \(most) % may")
        }
        return nil
    }

    /// The same for all that is decided in one go: a figure that moves meanwhile would take back what it allowed.
    private func currentLoad() throws(TaskRefusal) -> HostLoad {
        if let seen = loadSeen { return seen }
        let load = try host.load()
        loadSeen = load
        return load
    }

    private static func text(_ name: String, _ amount: Int) -> String {
        if name == "processors" { return "\(amount / 1000).\(amount % 1000 / 100)" }
        if amount < 1 << 30 { return "\(amount >> 20) MiB" }
        let tenths = ((amount >> 10) * 10 + (1 << 19)) >> 20
        return "\(tenths / 10).\(tenths % 10) GiB"
    }
}
