// SPDX-License-Identifier: Apache-2.0
package import Documents

extension Profile {
    /// One key of a resolved profile as `profile show --resolved` prints it.
    package struct Line: Sendable, Hashable {
        package var key: String
        package var value: String
        /// Nil for a default that no file wrote: an empty list, `limits.workspace: metered` `limits.egress_bytes` or `limits.io: unlimited`.
        package var origin: Place?

        package var description: String {
            "\(key): \(value.displayed)  # \(origin?.description ?? "not written")"
        }

        package var json: JSON {
            [
                "key": .string(key), "value": .string(value), "file": .optional(origin?.file),
                "line": .optional(origin?.line),
            ]
        }
    }

    /// Every key with its value and origin, in the order of the profile format; a list has a line for each item.
    package func show() -> [Line] {
        [line("reason", reason)] + settings()
    }

    /// The profile as JSON: its keys with their origins, and what lint finds.
    package var json: JSON {
        [
            "name": .string(name), "reason": .string(reason), "keys": .array(show().map { $0.json }),
            "findings": .array(lint().map { $0.json }),
        ]
    }

    /// A stable rendering for digests: the same text means the same sandbox.
    ///
    /// Without name, reason and origins, which decide nothing; lists sorted, since their order decides nothing.
    package var canonicalText: String {
        let lines = settings().map { line in
            let key = line.key.split(separator: "[", maxSplits: 1).first.map { String($0) } ?? line.key
            return "\(key) = \(JSON.string(line.value).compactText)"
        }
        let sorted = Set(lines).sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
        return "sallyport-profile 1\n" + sorted.map { "\($0)\n" }.joined()
    }

    private func settings() -> [Line] {
        var lines = [line("rootfs", rootfs)]
        lines += list("filesystem.writable", filesystem.writable.map { $0.text })
        lines += list("filesystem.read_only", filesystem.readOnly.map { $0.text })
        lines += list("filesystem.deny", filesystem.deny.map { $0.text })
        lines.append(line("filesystem.workspace", filesystem.workspace.rawValue))
        lines += list("syscalls.allow_groups", syscalls.allowGroups.map { $0.rawValue })
        lines += list("syscalls.deny", syscalls.deny)
        lines += list("environment.pass", environment.pass)
        if environment.set.isEmpty { lines.append(line("environment.set", "{}")) }
        lines += environment.set.map { line("environment.set.\($0.name)", $0.value) }
        switch landlock {
        case .required: lines.append(line("landlock", "required"))
        case .waived(let reason): lines.append(line("landlock", "waived: \(reason)"))
        }
        lines += LimitKey.allCases.map { line("limits.\($0.rawValue)", limits.text($0)) }
        lines.append(line("egress.direct_ip", egress.directIP.rawValue))
        if egress.observes { lines.append(line("egress.observes", "true")) }
        return lines + list("egress.rules", egress.rules.map { $0.shown })
    }

    private func line(_ key: String, _ value: String) -> Line { Line(key: key, value: value, origin: origins[key]) }

    private func list(_ key: String, _ items: [String]) -> [Line] {
        items.isEmpty ? [line(key, "[]")] : items.enumerated().map { line("\(key)[\($0)]", $1) }
    }
}
