// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import Control
internal import LinuxSystem
internal import Orchestrator
internal import Store
internal import TaskModel

/// Who may answer what.
extension Daemon {
    /// Open questions that somebody may answer, longest open first; root sees all of them.
    func pending(_ guest: Guest) throws(TaskRefusal) -> [ApprovalRecord] {
        let decider = Decider(guest.peer)
        return try orchestrator.serving { () throws(StoreError) in
            var open: [ApprovalRecord] = []
            for task in try store.tasks(TaskQuery(statuses: [.awaitingApproval], limit: ControlRequest.mostListed)) {
                let policy = task.approvals ?? ApprovalPolicy()
                guard guest.peer.uid == 0 || policy.allows(decider, owner: task.owner) else { continue }
                do throws(StoreError) {
                    open += try store.approvals(of: task.id).filter { $0.status == .pending }
                } catch {
                    // A damaged one keeps nobody from the others.
                    guard error.code == .corrupted else { throw error }
                    log("\(error)")
                }
            }
            return open.sorted { ($0.createdMilliseconds, $0.task) < ($1.createdMilliseconds, $1.task) }
        }
    }

    /// Whoever decides about a task may look at it.
    func isApprover(_ guest: Guest, _ task: TaskRecord) -> Bool {
        task.approvals?.names(Decider(guest.peer)) ?? false
    }
}

extension Decider {
    init(_ peer: Peer) {
        let submitter = Submitter(of: peer)
        let names = (submitter.user.map { [Principal.user($0)] } ?? []) + submitter.groups.map { Principal.group($0) }
        self.init("uid:\(peer.uid)", principals: Set(names.map(\.description)))
    }
}
