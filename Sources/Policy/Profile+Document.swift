// SPDX-License-Identifier: Apache-2.0
package import Documents

extension Profile {
    /// The resolved profile as the content of a profile file that extends nothing: read back, it decides the same.
    ///
    /// For evidence and its reproduction. Origins and tests are left out; so is the observer of `profile learn`, which no file
    /// can ask for.
    package var document: JSON {
        var members: [JSON.Member] = [
            .init("version", 1), .init("reason", .string(reason)), .init("rootfs", .string(rootfs)),
            .init(
                "filesystem",
                [
                    "writable": Self.list(filesystem.writable.map(\.text)),
                    "read_only": Self.list(filesystem.readOnly.map(\.text)),
                    "deny": Self.list(filesystem.deny.map(\.text)),
                    "workspace": .string(filesystem.workspace.rawValue),
                ]),
            .init(
                "syscalls",
                [
                    "allow_groups": Self.list(syscalls.allowGroups.map(\.rawValue)), "deny": Self.list(syscalls.deny),
                ]),
            .init(
                "environment",
                [
                    "pass": Self.list(environment.pass),
                    "set": .object(environment.set.map { .init($0.name, .string($0.value)) }),
                ]),
        ]
        switch landlock {
        case .required: members.append(.init("landlock", "required"))
        case .waived(let reason):
            members += [.init("landlock", "waived"), .init("landlock_reason", .string(reason))]
        }
        members.append(
            .init("limits", .object(LimitKey.allCases.map { .init($0.rawValue, .string(limits.text($0))) })))
        members.append(
            .init(
                "egress",
                [
                    "direct_ip": .string(egress.directIP.rawValue),
                    "rules": .array(egress.rules.filter { !$0.isObserver }.map(\.document)),
                ]))
        return .object(members)
    }

    private static func list(_ items: [String]) -> JSON { .array(items.map { .string($0) }) }
}

extension EgressRule {
    /// The rule as a profile file has it; what is not said there is not said here.
    fileprivate var document: JSON {
        var members: [JSON.Member] = []
        func add(_ name: String, _ value: JSON?) { if let value { members.append(.init(name, value)) } }
        switch target {
        case .host(let pattern): add("host", .string(pattern.description))
        case .registry(let client): add("registry", .string(client.rawValue))
        case .cidr(let block): add("cidr", .string(block.description))
        case .socket(let grant):
            add("socket", .string(grant.path.text))
            add("name", .string(grant.name))
        case .deny(let pattern): add("deny", .string(pattern.description))
        }
        add("reason", .string(reason))
        switch (target, ports) {
        case (.registry, _), (.socket, _), (.deny, _): break
        case (_, .any): add("ports", "any")
        case (_, .list(let list)): add("ports", .array(list.map { .number($0) }))
        }
        add("tls", tls.map { .string($0.rawValue) })
        if ech == .allow { add("ech", .string(ech.rawValue)) }
        if let http {
            let limits = [("methods", http.methods), ("paths", http.paths)]
            add(
                "http",
                .object(
                    limits.compactMap { name, items in
                        items.map { .init(name, .array($0.map { .string($0) })) }
                    }))
        }
        add("addresses", addresses.map { .array($0.map { .string($0.description) }) })
        if whenAbsent == .skip { add("when_absent", .string(whenAbsent.rawValue)) }
        add("max_names", maxNames.map { .number($0) })
        return .object(members)
    }
}
