// SPDX-License-Identifier: Apache-2.0
internal import CLinux
package import Documents
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy

/// What the kernel says a sandbox is, read back before its workload may run.
///
/// The record states these values, not the intended ones, and a value that is not what the plan wanted ends the
/// session before its first instruction.
package struct Layers: Sendable {
    /// Lines of /proc/<pid>/status, by name. proc_pid_status(5)
    package let status: [(name: String, value: String)]
    package let namespaces: [(name: String, value: String)]
    package let uidMap: String
    package let landlockABI: Int
    package let landlock: String
    package var cgroup: [(name: String, value: String)] = []
    /// Soft limits of the workload by the name that setrlimit(2) has for them.
    package let rlimits: [(name: String, value: String)]
    package var notes: [String] = []

    private static let kinds = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"]
    private static let wanted = [
        "Uid", "Gid", "Groups", "NStgid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
        "Seccomp_filters",
    ]

    static func read(workload pid: Int32, spec: SandboxSpec) throws(SystemError) -> Layers {
        let status = procFields(try procBytes("/proc/\(pid)/status"), wanted)
        var namespaces: [(name: String, value: String)] = []
        for kind in kinds { namespaces.append((kind, namespace(pid, kind))) }
        var layers = Layers(
            status: status, namespaces: namespaces,
            uidMap: try procBytes("/proc/\(pid)/uid_map").split(separator: UInt8(ascii: "\n")).reduce("") {
                ($0.isEmpty ? "" : $0 + ", ") + singleBlanks($1)
            },
            landlockABI: spec.landlockABI, landlock: spec.landlock == .required ? "required" : "waived",
            rlimits: rlimits(try procBytes("/proc/\(pid)/limits")))
        if spec.mode == .rootless {
            layers.notes.append(
                "one id: everything inside runs with the caller's own, so a runner is inside the agent's trust")
        }
        return layers
    }

    private static let resources = [
        ("as", "Max address space"), ("core", "Max core file size"), ("memlock", "Max locked memory"),
        ("nofile", "Max open files"), ("nproc", "Max processes"),
    ]

    /// /proc/<pid>/limits has a name of several words, then the soft limit. proc_pid_limits(5)
    private static func rlimits(_ table: [UInt8]) -> [(name: String, value: String)] {
        let lines = table.split(separator: UInt8(ascii: "\n"))
        return resources.compactMap { name, title in
            guard let line = lines.first(where: { $0.starts(with: title.utf8) }) else { return nil }
            let value = line.dropFirst(title.utf8.count).split(separator: UInt8(ascii: " "), maxSplits: 1).first ?? []
            return (name, String(decoding: value, as: UTF8.self))
        }
    }

    /// `user:[4026531837]`, or why it cannot be seen: a rootless supervisor may not look into a non-dumpable process.
    private static func namespace(_ pid: Int32, _ kind: String) -> String {
        var buffer = [CChar](repeating: 0, count: 64)
        let length = buffer.withUnsafeMutableBufferPointer {
            sp_readlinkat(AT_FDCWD, "/proc/\(pid)/ns/\(kind)", $0.baseAddress!, 63)
        }
        if length < 0 { return "not readable (\(Errno(Int32(-length))))" }
        return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Throws when the kernel holds anything else than the plan promised.
    func verify(uid: UInt32, gid: UInt32, hostNamespaces: [(name: String, value: String)]) throws(SystemError) {
        func expect(_ key: String, _ value: String) throws(SystemError) {
            let found = status.first { $0.name == key }?.value ?? "absent"
            guard found == value else {
                throw SystemError(
                    "verify", "\(key) of the workload, which is \(found) and should be \(value)", .notPermitted,
                    remedy: "Nothing was run. Report this with `sallyport doctor --json`.")
            }
        }
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] { try expect(set, "0000000000000000") }
        try expect("NoNewPrivs", "1")
        try expect("Seccomp", "2")
        // Real, effective, saved and of the file system.
        try expect("Uid", "\(uid) \(uid) \(uid) \(uid)")
        try expect("Gid", "\(gid) \(gid) \(gid) \(gid)")
        for (name, value) in namespaces {
            if let host = hostNamespaces.first(where: { $0.name == name }), host.value == value {
                throw SystemError(
                    "verify", "the \(name) namespace, which is the host's own", .notPermitted,
                    remedy: "Nothing was run.")
            }
        }
    }

    static func ofThisProcess() -> [(name: String, value: String)] {
        kinds.map { ($0, namespace(getpid(), $0)) }
    }

    package var json: JSON {
        .object([
            .init("namespaces", .object(namespaces.map { .init($0.name, .string($0.value)) })),
            .init("uid_map", .string(uidMap)),
            .init("status", .object(status.sorted { $0.name < $1.name }.map { .init($0.name, .string($0.value)) })),
            .init(
                "landlock",
                .object([
                    .init("mode", .string(landlock)), .init("abi", .int(landlockABI)),
                    .init("scoped", .bool(landlockABI >= 6)),
                ])),
            .init("cgroup", .object(cgroup.map { .init($0.name, .string($0.value)) })),
            .init("rlimits", .object(rlimits.map { .init($0.name, .string($0.value)) })),
            .init("notes", .array(notes.map { .string($0) })),
        ])
    }
}
