// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import Glibc
internal import LinuxSystem
internal import Onboarding
internal import TaskModel

/// Who asks, and whether what they ask for becomes a task.
extension Daemon {
    /// Asks the gate with what is applied on this host at this moment. Nothing is stored when it refuses.
    func accept(_ request: TaskRequest, _ key: String?, _ guest: Guest) throws(TaskRefusal) -> AcceptedTask {
        let submission = Submission(request, by: Submitter(of: guest.peer), key: key)
        do {
            var onboarding = Onboarding.unknown
            // A name that is none has no blueprint either; the gate says what is wrong with it.
            if let repository = RepositoryName(submission.repository) {
                let registry = BlueprintRegistry(path: BlueprintRegistry.path(state: place.state))
                onboarding = try registry.onboarding(repository)
            }
            return try SubmissionGate(ceiling: try HostCeiling.ofThisHost()).decide(submission, onboarding)
        } catch let refusal as GateRefusal {
            throw TaskRefusal(refusal.code, refusal.description)
        } catch {
            // What cannot be read opens nothing.
            log("\(error)")
            throw TaskRefusal(.serviceUnavailable, "cannot ask the gate: \(error)")
        }
    }

    func isOwner(_ guest: Guest, _ task: TaskRecord) -> Bool {
        guest.peer.uid == 0 || task.owner == "uid:\(guest.peer.uid)"
    }

    /// Whoever decides about a task may look at it.
    func isApprover(_ guest: Guest, _ task: TaskRecord) -> Bool {
        guard let blueprint = task.blueprint else { return false }
        do throws(BlueprintRefusal) {
            let approvers = try TaskSnapshot.load(Array(blueprint.text.utf8), of: task.id).blueprint.approvals.approvers
            return !approvers.isEmpty && Submitter(of: guest.peer).isAmong(approvers)
        } catch {
            log("\(error)")
            return false
        }
    }
}

extension Submitter {
    /// A peer with its names by the host's databases; one that they do not know has a number and no name. nsswitch.conf(5)
    init(of peer: Peer) {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 65_536)
        guard getpwuid_r(peer.uid, &entry, &buffer, buffer.count, &found) == 0, found != nil, let name = entry.pw_name
        else {
            self.init(uid: peer.uid)
            return
        }
        let user = String(cString: name)
        self.init(uid: peer.uid, user: user, groups: Self.groups(of: user, entry.pw_gid))
    }

    private static func groups(of user: String, _ primary: gid_t) -> Set<String> {
        var count: Int32 = 1024
        var numbers = [gid_t](repeating: 0, count: Int(count))
        // More than that many: whoever needs the last of them is not let in.
        if getgrouplist(user, primary, &numbers, &count) < 0 { count = min(count, Int32(numbers.count)) }
        var names: Set<String> = []
        for number in numbers.prefix(Int(count)) {
            var entry = group()
            var found: UnsafeMutablePointer<group>?
            var buffer = [CChar](repeating: 0, count: 262_144)
            guard getgrgid_r(number, &entry, &buffer, buffer.count, &found) == 0, found != nil, let name = entry.gr_name
            else { continue }
            names.insert(String(cString: name))
        }
        return names
    }
}
