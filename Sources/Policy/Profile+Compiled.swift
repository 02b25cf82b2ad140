// SPDX-License-Identifier: Apache-2.0

extension Profile {
    /// The profile as bytes from which it can be had again without reading YAML; nil for one that has more to it.
    ///
    /// For a cache of this very program's: the form says nothing to any other. Origins are left out, since they are for
    /// people who look at a profile. Egress rules are not held either.
    package func compiled() -> [UInt8]? {
        var writer = CompiledWriter()
        writer.put(name)
        writer.put(reason)
        writer.put(rootfs)
        for paths in [filesystem.writable, filesystem.readOnly, filesystem.deny] { writer.put(paths.map { $0.text }) }
        writer.put(filesystem.workspace.rawValue)
        writer.put(syscalls.allowGroups.map { $0.rawValue })
        writer.put(syscalls.deny)
        writer.put(environment.pass)
        writer.put(environment.set.flatMap { [$0.name, $0.value] })
        if case .waived(let reason) = landlock { writer.put([reason]) } else { writer.put([String]()) }
        for key in LimitKey.allCases { writer.put(limits[key]) }
        writer.put(egress.directIP.rawValue)
        // What was forgotten above shows here: a profile that does not come back the same is not kept.
        var same = self
        same.origins = [:]
        same.tests = []
        return Profile(compiled: writer.bytes[...]) == same ? writer.bytes : nil
    }

    /// The profile that ``compiled()`` wrote, without origins; nil for other bytes.
    package init?(compiled bytes: ArraySlice<UInt8>) {
        var reader = CompiledReader(bytes)
        guard let name = reader.text(), let reason = reader.text(), let rootfs = reader.text(),
            let writable = reader.paths(), let readOnly = reader.paths(), let deny = reader.paths(),
            let workspace = reader.text().flatMap({ WorkspaceAccess(rawValue: $0) }), let groups = reader.texts(),
            let refused = reader.texts(), let pass = reader.texts(), let set = reader.texts(), set.count % 2 == 0,
            let waived = reader.texts(), waived.count < 2
        else { return nil }
        let allowed = groups.compactMap { SyscallGroup(rawValue: $0) }
        var limits = Limits(
            enforcement: .cgroup, pids: 0, memoryBytes: 0, shmBytes: 0, tmpBytes: 0, workspaceBytes: 0,
            workspaceInodes: 0, openFiles: 0, cpuMillis: 0, logBytes: 0, wallSeconds: 0, workspaceMetered: true)
        for key in LimitKey.allCases {
            guard let number = reader.number(), number <= UInt64(Int.max) else { return nil }
            limits[key] = number
        }
        guard allowed.count == groups.count, let directIP = reader.text().flatMap({ DirectAddress(rawValue: $0) }),
            reader.isAtEnd
        else { return nil }
        self.init(
            name: name, reason: reason, rootfs: rootfs,
            filesystem: FilesystemPolicy(writable: writable, readOnly: readOnly, deny: deny, workspace: workspace),
            syscalls: SyscallPolicy(allowGroups: allowed, deny: refused),
            environment: EnvironmentPolicy(
                pass: pass,
                set: stride(from: 0, to: set.count, by: 2).map {
                    EnvironmentPolicy.Variable(name: set[$0], value: set[$0 + 1])
                }),
            landlock: waived.first.map { LandlockRequirement.waived(reason: $0) } ?? .required, limits: limits,
            egress: EgressPolicy(directIP: directIP, rules: []), origins: [:])
    }
}

/// Numbers in eight bytes, texts and lists behind their count.
private struct CompiledWriter {
    var bytes: [UInt8] = []

    mutating func put(_ number: UInt64) {
        for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * UInt64(shift)))) }
    }

    mutating func put(_ text: String) {
        put(UInt64(text.utf8.count))
        bytes += text.utf8
    }

    mutating func put(_ texts: [String]) {
        put(UInt64(texts.count))
        for text in texts { put(text) }
    }
}

private struct CompiledReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func number() -> UInt64? {
        guard rest.count >= 8 else { return nil }
        var number: UInt64 = 0
        for shift in 0..<8 { number |= UInt64(rest[rest.startIndex + shift]) << (8 * UInt64(shift)) }
        rest.removeFirst(8)
        return number
    }

    mutating func text() -> String? {
        guard let count = number(), count <= UInt64(rest.count) else { return nil }
        let text = String(decoding: rest.prefix(Int(count)), as: UTF8.self)
        rest.removeFirst(Int(count))
        return text
    }

    mutating func texts() -> [String]? {
        guard let count = number(), count <= UInt64(rest.count) else { return nil }
        var texts: [String] = []
        for _ in 0..<count {
            guard let text = text() else { return nil }
            texts.append(text)
        }
        return texts
    }

    mutating func paths() -> [RulePath]? {
        guard let texts = texts() else { return nil }
        var paths: [RulePath] = []
        for text in texts {
            do throws(RulePath.Flaw) { paths.append(try RulePath.rule(text)) } catch { return nil }
        }
        return paths
    }
}
