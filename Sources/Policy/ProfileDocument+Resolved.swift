// SPDX-License-Identifier: Apache-2.0
import Documents

extension ProfileDocument {
    /// A profile in which nothing is implied: a scalar that no file wrote is an error, a list that no file wrote is
    /// empty and grants nothing.
    func resolved(name: String) throws(PolicyError) -> Profile {
        var origins: [String: Place] = ["reason": reason.place]
        let rootfs = try required(rootfs, "rootfs", &origins)
        let workspace = try required(workspace, "filesystem.workspace", &origins)
        let landlock = try required(landlock, "landlock", &origins)
        var numbers: [LimitKey: UInt64] = [:]
        for key in LimitKey.allCases {
            // The workspace is metered unless a profile says otherwise by name; any other has no bound then.
            if key.isOptional, limits[key] == nil { continue }
            numbers[key] = try required(limits[key], "limits.\(key.rawValue)", &origins)
        }
        if let directIP { origins["egress.direct_ip"] = directIP.place }
        return Profile(
            name: name, reason: reason.value, rootfs: rootfs,
            filesystem: FilesystemPolicy(
                writable: list(writable, "filesystem.writable", &origins),
                readOnly: list(readOnly, "filesystem.read_only", &origins),
                deny: list(denyPaths, "filesystem.deny", &origins), workspace: workspace),
            syscalls: SyscallPolicy(
                allowGroups: list(allowGroups, "syscalls.allow_groups", &origins),
                deny: list(denySyscalls, "syscalls.deny", &origins)),
            environment: EnvironmentPolicy(
                pass: list(pass, "environment.pass", &origins), set: variables(&origins)),
            landlock: landlock, limits: Self.limits(numbers),
            egress: EgressPolicy(
                directIP: directIP?.value ?? .prohibit, rules: list(egressRules, "egress.rules", &origins)),
            tests: list(tests, "tests", &origins), origins: origins)
    }

    private func required<Value>(
        _ value: Sourced<Value>?, _ key: String, _ origins: inout [String: Place]
    ) throws(PolicyError) -> Value {
        guard let value else {
            throw PolicyError(
                "no profile in the chain says \"\(key)\"", at: place,
                remedy: "Write it, or extend a profile that does, such as strict.")
        }
        origins[key] = value.place
        return value.value
    }

    private func list<Value>(
        _ list: SourcedList<Value>?, _ key: String, _ origins: inout [String: Place]
    ) -> [Value] {
        guard let list else { return [] }
        origins[key] = list.place
        for (index, item) in list.items.enumerated() { origins["\(key)[\(index)]"] = item.place }
        return list.values
    }

    private func variables(_ origins: inout [String: Place]) -> [EnvironmentPolicy.Variable] {
        guard let set else { return [] }
        origins["environment.set"] = set.place
        for item in set.items { origins["environment.set.\(item.value.name)"] = item.place }
        return set.values.sorted { Array($0.name.utf8).lexicographicallyPrecedes(Array($1.name.utf8)) }
    }

    private static func limits(_ numbers: [LimitKey: UInt64]) -> Limits {
        var limits = Limits(
            enforcement: .cgroup, pids: 0, memoryBytes: 0, shmBytes: 0, tmpBytes: 0, workspaceBytes: 0,
            workspaceInodes: 0, openFiles: 0, cpuMillis: 0, logBytes: 0, wallSeconds: 0, workspaceMetered: true)
        for (key, number) in numbers { limits[key] = number }
        return limits
    }
}
