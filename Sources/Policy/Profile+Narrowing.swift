// SPDX-License-Identifier: Apache-2.0
import Documents

extension Profile {
    /// The profile as a project's own file narrows it.
    ///
    /// The file has a profile's keys without `extends`. It comes from the repository that the task works on, so it can
    /// only take away: the first key that would give more is an error that names it.
    ///
    /// - Parameter expand: Finds the hosts of a `registry:` rule. Rules of both sides are compared with them in place,
    ///   since a host that a client uses may also fall under a wildcard.
    package func narrowed(
        file: String, bytes: [UInt8],
        expand: (RegistryClient, EgressRule) throws(PolicyError) -> [EgressRule] = Profile.cannotExpand
    ) throws(PolicyError) -> Profile {
        try narrowed(by: try ProfileDocument.decode(bytes, file: file), expand: expand)
    }

    /// The same for a document that was read already, or was put together from parts of another.
    package func narrowed(
        by project: ProfileDocument,
        expand: (RegistryClient, EgressRule) throws(PolicyError) -> [EgressRule] = Profile.cannotExpand
    ) throws(PolicyError) -> Profile {
        guard project.egressRules != nil else { return try narrowed(project) }
        return try expandingRegistries(expand).narrowed(project, expand: expand)
    }

    /// For callers that have no client's configuration at hand: a profile with such a rule cannot be narrowed then.
    package static func cannotExpand(
        _ client: RegistryClient, _ rule: EgressRule
    ) throws(PolicyError) -> [EgressRule] {
        throw PolicyError(
            "\(rule.subject) (\(rule.origin)) has no hosts yet", file: rule.origin, remedy: "Expand it first.",
            operation: "compare")
    }

    private func narrowed(
        _ project: ProfileDocument,
        expand: (RegistryClient, EgressRule) throws(PolicyError) -> [EgressRule] = Profile.cannotExpand
    ) throws(PolicyError) -> Profile {
        try refuseWidening(project)
        var result = self
        result.reason = project.reason.value
        result.origins["reason"] = project.reason.place
        result.narrowFilesystem(project)
        result.narrowSystemCalls(project)
        if let pass = project.pass { result.replace("environment.pass", \.environment.pass, with: pass) }
        for (key, number) in project.limits {
            result.limits[key] = number.value
            result.origins["limits.\(key.rawValue)"] = number.place
        }
        if let directIP = project.directIP {
            result.egress.directIP = directIP.value
            result.origins["egress.direct_ip"] = directIP.place
        }
        if let rules = project.egressRules {
            result.narrowEgress(rules)
            result = try result.expandingRegistries(expand)
        }
        try refuseWiderPaths(result, project)
        try refuseWiderEgress(result)
        try result.refuseLintErrors()
        return result
    }

    private mutating func narrowFilesystem(_ project: ProfileDocument) {
        if let list = project.writable { replace("filesystem.writable", \.filesystem.writable, with: list) }
        if let list = project.readOnly { replace("filesystem.read_only", \.filesystem.readOnly, with: list) }
        append("filesystem.deny", \.filesystem.deny, project.denyPaths)
        if let workspace = project.workspace {
            filesystem.workspace = workspace.value
            origins["filesystem.workspace"] = workspace.place
        }
    }

    private mutating func narrowSystemCalls(_ project: ProfileDocument) {
        if let groups = project.allowGroups { replace("syscalls.allow_groups", \.syscalls.allowGroups, with: groups) }
        append("syscalls.deny", \.syscalls.deny, project.denySyscalls)
    }

    private mutating func replace<Value>(
        _ key: String, _ target: WritableKeyPath<Profile, [Value]>, with list: SourcedList<Value>
    ) {
        for index in self[keyPath: target].indices { origins["\(key)[\(index)]"] = nil }
        self[keyPath: target] = list.values
        origins[key] = list.place
        for (index, item) in list.items.enumerated() { origins["\(key)[\(index)]"] = item.place }
    }

    private mutating func append<Value: Equatable>(
        _ key: String, _ target: WritableKeyPath<Profile, [Value]>, _ list: SourcedList<Value>?
    ) {
        for item in list?.items ?? [] where !self[keyPath: target].contains(item.value) {
            origins["\(key)[\(self[keyPath: target].count)]"] = item.place
            self[keyPath: target].append(item.value)
        }
    }
}
