// SPDX-License-Identifier: Apache-2.0
internal import CLinux
package import Documents
internal import Glibc
package import Isolation
package import LinuxSystem

/// Removes everything that bears our name and has no living supervisor.
///
/// A session is dead when its lock can be taken. What a dead session may have left: processes (its life line ends
/// them, the group kill and the search by id make sure), groups, its id block, half-collected changes, its directory.
/// Mounts and namespaces go with the last process.
package struct Sweep {
    package struct Report: Sendable {
        package var sessions: [String] = []
        package var groups: [String] = []
        package var blocks: [Int] = []
        package var files: [String] = []
        package var failures: [String] = []

        package var json: JSON {
            func list(_ items: [String]) -> JSON { .array(items.map { .string($0) }) }
            return .object([
                .init("sessions", list(sessions)), .init("cgroups", list(groups)),
                .init("id_blocks", .array(blocks.map { .int($0) })), .init("files", list(files)),
                .init("failures", list(failures)),
            ])
        }
    }

    private let paths: HostPaths
    private let mode: Mode
    private let sparesRecords: Bool
    private var report = Report()

    /// - Parameter sparesRecords: Leaves the directory of a session that came to its result, and takes what else is left of
    ///   it: for whoever is not asked to forget anything.
    package init(_ paths: HostPaths, mode: Mode, sparesRecords: Bool = false) {
        self.paths = paths
        self.mode = mode
        self.sparesRecords = sparesRecords
    }

    /// Sweeps these sessions alone, as far as they are dead.
    package mutating func run(only ids: [SessionID]) throws(SystemError) -> Report {
        let sessions = try Directory.open(paths.sessions)
        let gate = sessions.fd.number
        try checked("lock", "\"\(paths.sessions)\"") { sp_flock(gate, LOCK_EX) }
        defer { _ = sp_flock(gate, LOCK_UN) }
        for id in ids where try sessions.contains(id.text) {
            do throws(SystemError) { try session(id, sessions) } catch { fail(error) }
        }
        return report
    }

    /// Sweeps once. One failure does not keep the rest from being swept; all are reported.
    package mutating func run() throws(SystemError) -> Report {
        let sessions = try Directory.open(paths.sessions)
        let gate = sessions.fd.number
        // Creation of a session holds this shared until its own lock is taken.
        try checked("lock", "\"\(paths.sessions)\"") { sp_flock(gate, LOCK_EX) }
        defer { _ = sp_flock(gate, LOCK_UN) }
        for name in try sessions.names() {
            let text = String(decoding: name, as: UTF8.self)
            if text.hasPrefix(SessionDirectory.unborn), SessionID(String(text.dropFirst())) != nil {
                // Whoever was making it is gone: we hold the gate.
                do throws(SystemError) { try sessions.removeTree(name) } catch { fail(error) }
                continue
            }
            if Directory.leftOver(name) != nil {
                // Only sweeps remove anything here, one at a time.
                do throws(SystemError) {
                    try sessions.removeTree(name)
                    report.files.append(text)
                } catch { fail(error) }
                continue
            }
            guard let id = SessionID(text) else {
                report.failures.append("\"\(paths.sessions)/\(text)\" is no session; it is left alone")
                continue
            }
            do throws(SystemError) { try session(id, sessions) } catch { fail(error) }
        }
        do throws(SystemError) { try oldTemplates(sessions) } catch { fail(error) }
        do throws(SystemError) { try orphanGroups(sessions) } catch { fail(error) }
        if mode == .host { do throws(SystemError) { try orphanBlocks(sessions) } catch { fail(error) } }
        do throws(SystemError) { try partialFiles() } catch { fail(error) }
        if mode == .host { do throws(SystemError) { report.files += try Pool(paths).sweep() } catch { fail(error) } }
        do throws(SystemError) { try orphanPools(sessions) } catch { fail(error) }
        return report
    }

    private mutating func fail(_ error: SystemError) { report.failures.append(error.description) }

    private mutating func session(_ id: SessionID, _ sessions: borrowing Directory) throws(SystemError) {
        var adopted = try SessionDirectory.adoptDead(id, paths)
        if adopted == nil { adopted = try adoptOrphaned(id, sessions) }
        guard let dead = adopted.take() else { return }
        try clearGroups(dead.id.text)
        try clearGroups(SessionCgroup.broker(of: dead.id.text))
        var held: [IdBlock] = []
        if mode == .host {
            held = try IdBlocks.open(HostFile.idRange()).inUse().filter { $0.session == id.text }.map(\.block)
        }
        for block in held { try BlockProcesses.end(block, deadline: 10_000) }
        // Nobody writes there any more, and the ids are free only when no file bears them.
        try PoolDirectory.removeAll(id.text, pool: paths.pool)
        for block in held { try giveBack(block, of: id.text, try IdBlocks.open(HostFile.idRange())) }
        if sparesRecords, try dead.directory.contains("result.json") { return }
        try sessions.removeTree(Array(id.text.utf8))
        report.sessions.append(id.text)
    }

    /// A supervisor that died during a start leaves a child that still holds the lock, for the moments until it notices
    /// its life line; the group kill ends one that is stuck.
    private func adoptOrphaned(_ id: SessionID, _ sessions: borrowing Directory) throws(SystemError)
        -> SessionDirectory?
    {
        guard let supervisor = try SessionList(paths).item(id)?.supervisor, try !supervisor.isRunning() else {
            return nil
        }
        if let layout = try layoutIfAny() {
            let placed = SessionCgroup.placement(id.text, layout, root: mode == .host, devices: true)
            try SessionCgroup(version: layout.version, directories: placed).kill(deadline: 10_000)
        }
        for _ in 0..<1000 {
            if let dead = try SessionDirectory.adoptDead(id, paths) { return dead }
            // No event tells that a lock's last holder is gone; 5 ms is the fallback interval.
            _ = sp_poll_one(-1, 0, 5)
        }
        throw SystemError(
            "take over", "session \(id)", .busy,
            remedy: "A child of its dead supervisor holds its lock; see the kernel log.")
    }

    /// Groups of a session in every hierarchy, wherever this host places them.
    private mutating func clearGroups(_ id: String) throws(SystemError) {
        guard let layout = try layoutIfAny() else { return }
        let placed = SessionCgroup.placement(id, layout, root: mode == .host, devices: true)
        guard placed.contains(where: { access($0.path, F_OK) == 0 }) else { return }
        let group = SessionCgroup(version: layout.version, directories: placed)
        try group.kill(deadline: 10_000)
        try group.remove(deadline: 10_000)
        report.groups.append(id)
    }

    private func layoutIfAny() throws(SystemError) -> CgroupLayout? {
        do { return try CgroupLayout.detect() } catch {
            // A host without controllers made no groups.
            if error.errno == .noDevice { return nil }
            throw error
        }
    }

    private mutating func orphanGroups(_ sessions: borrowing Directory) throws(SystemError) {
        // Without a table of ids (rootless) a session that starts elsewhere, whose group is empty for a moment, cannot be
        // told from a dead one.
        guard mode == .host, let layout = try layoutIfAny() else { return }
        var ids: Set<String> = []
        for (_, path) in SessionCgroup.placement("x", layout, root: true, devices: true) {
            let parent = String(path.dropLast(2))
            guard access(parent, F_OK) == 0 else { continue }
            for name in try Directory.open(parent).names() {
                let text = String(decoding: name, as: UTF8.self)
                if SessionID(SessionCgroup.session(of: text)) != nil || isOfDeadDoctor(text) { ids.insert(text) }
            }
        }
        // Another runtime directory's sessions live in the same groups: nobody's is only a group without processes whose
        // id block, which is taken before the group is made, is no living supervisor's.
        let living = try ownersOfLivingBlocks()
        for id in ids.sorted() {
            let owner = SessionCgroup.session(of: id)
            if try !sessions.contains(owner) && !living.contains(owner) { try clearAbandoned(id, layout) }
        }
    }

    private func ownersOfLivingBlocks() throws(SystemError) -> Set<String> {
        guard mode == .host else { return [] }
        let blocks = try IdBlocks.open(HostFile.idRange())
        var owners: Set<String> = []
        for (block, owner) in try blocks.inUse() where try !blocks.isAbandoned(block) { owners.insert(owner) }
        return owners
    }

    /// `doctor` tries the controllers in a group named for its process.
    private func isOfDeadDoctor(_ name: String) -> Bool {
        guard name.hasPrefix("doctor-"), let pid = Int32(name.dropFirst(7)) else { return false }
        return sp_kill(pid, 0) == -Int(ESRCH)
    }

    private mutating func clearAbandoned(_ id: String, _ layout: CgroupLayout) throws(SystemError) {
        let placed = SessionCgroup.placement(id, layout, root: mode == .host, devices: true)
        guard placed.contains(where: { access($0.path, F_OK) == 0 }) else { return }
        let group = SessionCgroup(version: layout.version, directories: placed)
        if try group.members().isEmpty {
            try group.remove(deadline: 1000)
            report.groups.append(id)
        }
    }

    private mutating func orphanBlocks(_ sessions: borrowing Directory) throws(SystemError) {
        let blocks = try IdBlocks.open(HostFile.idRange())
        for (block, owner) in try blocks.inUse() where try !sessions.contains(owner) {
            // The table is the host's, sessions may be of another runtime directory: its supervisor decides.
            guard try blocks.isAbandoned(block) else { continue }
            if let layout = try layoutIfAny() {
                for name in [owner, SessionCgroup.broker(of: owner)] { try clearAbandoned(name, layout) }
            }
            // What still dies there is the other directory's sweep to end; until then the ids are not free.
            if try BlockProcesses.list(block).isEmpty { try giveBack(block, of: owner, blocks) }
        }
    }

    /// Changes on disk whose session is gone without a trace, as after a restart of the host.
    private mutating func orphanPools(_ sessions: borrowing Directory) throws(SystemError) {
        var known = Set(try sessions.names().map { String(decoding: $0, as: UTF8.self) })
        // A block that is still taken means processes that may still be writing: the sweep of its runtime directory ends them.
        if mode == .host { known.formUnion(try IdBlocks.open(HostFile.idRange()).inUse().map { $0.session }) }
        let gone = try PoolDirectory.sweep(pool: paths.pool) { name in
            SessionID(name) != nil && !known.contains(name)
        }
        report.files += gone.map { "pool/" + $0 }
    }

    private mutating func giveBack(_ block: IdBlock, of owner: String, _ blocks: borrowing IdBlocks) throws(SystemError)
    {
        do { try blocks.release(block, of: owner) } catch {
            // Given back since we looked, by its own session or by the sweep of another runtime directory.
            if error.errno == .invalid { return }
            throw error
        }
        report.blocks.append(block.index)
    }

    /// Template roots of other versions, once no session that is left can have been started from one.
    ///
    /// Whatever is left now lives, since the dead were taken away before this, or could not be taken away; new ones wait
    /// for the gate. A session of a version that did not say which template it has may have any.
    private mutating func oldTemplates(_ sessions: borrowing Directory) throws(SystemError) {
        var inUse: Set<String> = []
        for name in try sessions.names() {
            guard let id = SessionID(String(decoding: name, as: UTF8.self)), let item = try SessionList(paths).item(id),
                let template = item.state?["template"]?.stringValue
            else { return }
            inUse.insert(template)
        }
        report.files += try Skeleton.removeOthers(paths, inUse: inUse)
    }

    /// Collections and templates that were being made when somebody died.
    private mutating func partialFiles() throws(SystemError) {
        let changes = try Directory.open(paths.changes)
        let sessions = try Directory.open(paths.sessions)
        // The state directory may be another runtime directory's too, whose sessions collect into it.
        let living = try ownersOfLivingBlocks()
        for name in try changes.names() {
            let text = String(decoding: name, as: UTF8.self)
            let isPart = text.hasPrefix(".") && (text.hasSuffix(".part") || text.hasSuffix(".new"))
            let set = String(text.dropLast(5)) + ".set"
            let complete = try changes.contains(set)
            let isRecordOnly = text.hasSuffix(".json") && !complete
            let id = String(text.drop { $0 == "." }.prefix { $0 != "." })
            if isPart || isRecordOnly, try !sessions.contains(id) && !living.contains(id) {
                try changes.removeTree(name)
                report.files.append(text)
            }
        }
        let runtime = try Directory.open(paths.runtime)
        for name in try runtime.names() {
            let text = String(decoding: name, as: UTF8.self)
            // ".NAME.PID" for a template, ".NAME.PID.new" for a file that was being replaced.
            let parts = text.split(separator: ".").filter { $0 != "new" }
            guard text.hasPrefix("."), parts.count >= 2, let pid = parts.last.flatMap({ Int32($0) }) else { continue }
            if sp_kill(pid, 0) == -Int(ESRCH) {
                try runtime.removeTree(name)
                report.files.append(text)
            }
        }
    }
}
