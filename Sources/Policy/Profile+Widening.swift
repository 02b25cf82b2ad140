// SPDX-License-Identifier: Apache-2.0
import Documents

extension Profile {
    /// Refuses each key of a project's file that gives more than this profile does, paths aside.
    func refuseWidening(_ project: ProfileDocument) throws(PolicyError) {
        if let extends = project.extends {
            throw widening("extends", extends.place, "names another profile")
        }
        if let rootfs = project.rootfs, rootfs.value != self.rootfs {
            throw widening("rootfs", rootfs.place, "is another than \"\(self.rootfs)\"")
        }
        if let landlock = project.landlock, landlock.value != self.landlock, landlock.value != .required {
            throw widening("landlock", landlock.place, "is waived")
        }
        if let workspace = project.workspace, workspace.value == .readWrite, filesystem.workspace == .readOnly {
            throw widening("filesystem.workspace", workspace.place, "is read-write")
        }
        for item in project.allowGroups?.items ?? [] where !syscalls.allowGroups.contains(item.value) {
            throw widening("syscalls.allow_groups", item.place, "adds \"\(item.value.rawValue)\"")
        }
        for item in project.pass?.items ?? [] where !environment.pass.contains(item.value) {
            throw widening("environment.pass", item.place, "adds \"\(item.value)\"")
        }
        if let item = project.set?.items.first {
            throw widening("environment.set", item.place, "sets \"\(item.value.name)\"")
        }
        for key in LimitKey.allCases {
            guard let number = project.limits[key], number.value > limits[key] else { continue }
            throw widening(
                "limits.\(key.rawValue)", number.place, "is \(key.text(number.value)), more than \(limits.text(key))")
        }
        if let directIP = project.directIP, directIP.value == .explain, egress.directIP == .prohibit {
            throw widening("egress.direct_ip", directIP.place, "is explain")
        }
    }

    /// Compares the two file policies at every path where either can change, which is all of them: anywhere else
    /// both decide as they do at the nearest such path above.
    func refuseWiderPaths(_ narrowed: Profile, _ project: ProfileDocument) throws(PolicyError) {
        for path in filesystem.decisionPoints + narrowed.filesystem.decisionPoints {
            let before = filesystem.decide(path)
            let after = narrowed.filesystem.decide(path)
            guard after.access > before.access else { continue }
            let isWritable = after.access == .writable
            let key = isWritable ? "filesystem.writable" : "filesystem.read_only"
            let list = isWritable ? project.writable : project.readOnly
            let item = list?.items.first { $0.value == after.rule }
            // With no such item a narrower rule was left out of a list, and an older, wider one now decides.
            let lists = [project.readOnly?.place, project.writable?.place, project.denyPaths?.place]
            throw widening(
                key, item?.place ?? lists.compactMap { $0 }.first ?? project.place,
                "makes \(path.text) \(after.access.text) where it is \(before.access.text)")
        }
    }

    func widening(_ key: String, _ place: Place, _ what: String) -> PolicyError {
        let author = place.file == SessionCeiling.request ? "a client" : "a project's own file"
        return PolicyError(
            "\(key) \(what), and \(author) may only narrow profile \"\(name)\"", at: place,
            remedy: "Remove it, or ask the operator for a profile that allows it.")
    }
}

extension FilesystemPolicy.Access {
    /// The access in the words of messages.
    package var text: String {
        switch self {
        case .denied: "denied"
        case .readOnly: "read-only"
        case .writable: "writable"
        }
    }
}
