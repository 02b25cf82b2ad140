// SPDX-License-Identifier: Apache-2.0
internal import Control
internal import Glibc
internal import LinuxSystem
internal import Orchestrator
internal import Store
internal import TaskModel

/// Who may answer what.
extension Daemon {
    /// Open questions that somebody may answer, longest open first.
    func pending(_ guest: Guest) throws(TaskRefusal) -> [ApprovalRecord] {
        let decider = guest.peer.decider
        return try orchestrator.serving { () throws(StoreError) in
            var open: [ApprovalRecord] = []
            for task in try store.tasks(TaskQuery(statuses: [.awaitingApproval], limit: ControlRequest.mostListed)) {
                let policy = task.approvals ?? ApprovalPolicy()
                guard guest.peer.uid == 0 || policy.allows(decider, owner: task.owner) else { continue }
                open += try store.approvals(of: task.id).filter { $0.status == .pending }
            }
            return open.sorted { ($0.createdMilliseconds, $0.task) < ($1.createdMilliseconds, $1.task) }
        }
    }
}

extension ControlRequest {
    /// What others than root and the daemon's user may ask for: each of them says itself whose question it is.
    var isForApprovers: Bool {
        switch self {
        case .pending, .decide: true
        case .submit, .status, .list, .events, .watch, .cancel, .logs, .health, .backup: false
        }
    }
}

extension Peer {
    /// As tasks and decisions name whoever is at the socket.
    var owner: String { "uid:\(uid)" }

    var decider: Decider { Decider(owner, principals: principals) }

    /// Names and groups of a user by the host's own databases; one that they do not know has its number only.
    /// getpwuid_r(3), getgrouplist(3)
    private var principals: Set<String> {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16 << 10)
        guard getpwuid_r(uid, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return [] }
        var result: Set<String> = ["user:\(String(cString: entry.pw_name))"]
        var groups = [gid_t](repeating: 0, count: 1024)
        var count = Int32(groups.count)
        guard getgrouplist(entry.pw_name, entry.pw_gid, &groups, &count) >= 0 else { return result }
        for group in groups.prefix(Int(count)) {
            var groupEntry = Glibc.group()
            var foundGroup: UnsafeMutablePointer<Glibc.group>?
            var room = [CChar](repeating: 0, count: 64 << 10)
            guard getgrgid_r(group, &groupEntry, &room, room.count, &foundGroup) == 0, foundGroup != nil else {
                continue
            }
            result.insert("group:\(String(cString: groupEntry.gr_name))")
        }
        return result
    }
}
