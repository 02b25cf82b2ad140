// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import Glibc
internal import LinuxSystem
internal import Onboarding
internal import TaskModel

/// Who asks, and whether what they ask for becomes a task.
extension Daemon {
    /// Asks the gate with what is applied on this host at this moment. Nothing is stored when it refuses.
    func accept(_ request: TaskRequest, _ key: String?, _ submitter: Submitter) throws(TaskRefusal) -> AcceptedTask {
        let submission = Submission(request, by: submitter, key: key)
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

    /// Whoever may submit may put a task of theirs behind others; before everybody else's only the operator may.
    func requirePriority(_ request: TaskRequest, _ guest: Guest) throws(TaskRefusal) {
        guard let wanted = request.number(.priority), wanted > TaskLimits.defaultPriority, !guest.peer.isOwnerOrRoot
        else { return }
        throw TaskRefusal(
            .forbidden,
            "cannot take the task: priority \(wanted) is the operator's to give. Ask for \(TaskLimits.defaultPriority) at most."
        )
    }

    /// The same for a task that was taken before, of whoever owns it: root that asks for it is no submitter by being root.
    func accept(again task: TaskRecord) throws(TaskRefusal) -> AcceptedTask {
        guard task.owner.hasPrefix("uid:"), let uid = UInt32(task.owner.dropFirst(4)) else {
            throw TaskRefusal(.internalError, "cannot ask the gate about task \(task.id): nobody of this host owns it.")
        }
        return try accept(task.request, nil, Submitter(named: uid))
    }

    func isOwner(_ guest: Guest, _ task: TaskRecord) -> Bool {
        guest.peer.uid == 0 || task.owner == "uid:\(guest.peer.uid)"
    }
}

extension Submitter {
    init(of peer: Peer) { self.init(named: peer.uid) }

    /// A user with its names by the host's databases; one that they do not know has a number and no name. nsswitch.conf(5)
    init(named uid: UInt32) {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 65_536)
        guard getpwuid_r(uid, &entry, &buffer, buffer.count, &found) == 0, found != nil, let name = entry.pw_name
        else {
            self.init(uid: uid)
            return
        }
        let user = String(cString: name)
        self.init(uid: uid, user: user, groups: Self.groups(of: user, entry.pw_gid))
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
