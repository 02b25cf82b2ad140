// SPDX-License-Identifier: Apache-2.0

/// The keys under `limits:`, which are also the names that `--limit` takes.
package enum LimitKey: String, Sendable, Hashable, CaseIterable {
    case enforcement, pids, memory, shm, tmp
    case workspaceBytes = "workspace_bytes"
    case workspaceInodes = "workspace_inodes"
    case openFiles = "open_files"
    case cpu
    case logBytes = "log_bytes"
    case egressBytes = "egress_bytes"
    case io
    case wall
    case workspace

    /// The kernel's own bound, PID_MAX_LIMIT: proc_sys_kernel(5).
    private static let maximumPids: UInt64 = 4_194_304
    /// The usual fs.nr_open; setrlimit(2) refuses more.
    private static let maximumOpenFiles: UInt64 = 1_048_576
    /// What 32-bit inode numbers can tell apart.
    private static let maximumInodes: UInt64 = 4_294_967_295

    /// The word for no bound, and its number: larger than any that can be written, so that it is the widest choice.
    static let unlimited = "unlimited"
    fileprivate static let noBound = UInt64(Int.max)

    /// True for a key that no file has to write: the session has no such bound then.
    var isOptional: Bool { self == .workspace || self == .egressBytes || self == .io }

    /// How the value is spelled, for the remedy of a wrong one.
    var expected: String {
        switch self {
        case .enforcement: "cgroup or rlimit"
        case .workspace: "metered or unmetered"
        case .pids: "a whole number up to \(Self.maximumPids)"
        case .openFiles: "a whole number up to \(Self.maximumOpenFiles)"
        case .workspaceInodes: "a whole number up to \(Self.maximumInodes)"
        case .memory, .shm, .tmp, .workspaceBytes, .logBytes: "a size with KiB, MiB or GiB, or a plain number of bytes"
        case .egressBytes: "a size with KiB, MiB or GiB, a plain number of bytes, or \(Self.unlimited)"
        case .io: "a size with KiB, MiB or GiB and /s behind it, such as 64MiB/s, or \(Self.unlimited)"
        case .cpu: "a number of processors with at most three decimals, such as 1.5"
        case .wall: "a time with s, m or h, such as 30m"
        }
    }

    /// A value in this key's canonical number: bytes, seconds, thousandths, a count. For the two words a larger
    /// number is the weaker choice, so that "narrower" is "not larger" for every key.
    func parse(_ text: String) -> UInt64? {
        switch self {
        case .enforcement: LimitEnforcement(rawValue: text).map { $0 == .cgroup ? 0 : 1 }
        case .workspace: WorkspaceMetering(rawValue: text).map { $0 == .metered ? 0 : 1 }
        case .pids: Units.count(text).flatMap { $0 <= Self.maximumPids ? $0 : nil }
        case .workspaceInodes: Units.count(text).flatMap { $0 <= Self.maximumInodes ? $0 : nil }
        case .openFiles: Units.count(text).flatMap { $0 <= Self.maximumOpenFiles ? $0 : nil }
        case .memory, .shm, .tmp, .workspaceBytes, .logBytes: Units.bytes(text).flatMap { $0 <= 1 << 60 ? $0 : nil }
        case .egressBytes:
            text == Self.unlimited ? Self.noBound : Units.bytes(text).flatMap { $0 <= 1 << 60 ? $0 : nil }
        case .io: text == Self.unlimited ? Self.noBound : Units.rate(text).flatMap { $0 <= 1 << 60 ? $0 : nil }
        case .cpu: Units.millis(text).map { UInt64($0) }
        case .wall: Units.seconds(text).flatMap { $0 <= 366 * 86_400 ? $0 : nil }
        }
    }

    /// The spelling that reads back as the same number.
    func text(_ number: UInt64) -> String {
        switch self {
        case .enforcement: (number == 0 ? LimitEnforcement.cgroup : .rlimit).rawValue
        case .workspace: (number == 0 ? WorkspaceMetering.metered : .unmetered).rawValue
        case .pids, .workspaceInodes, .openFiles: "\(number)"
        case .memory, .shm, .tmp, .workspaceBytes, .logBytes: Units.text(bytes: number)
        case .egressBytes: number == Self.noBound ? Self.unlimited : Units.text(bytes: number)
        case .io: number == Self.noBound ? Self.unlimited : Units.text(rate: number)
        case .cpu: Units.text(millis: Int(number))
        case .wall: Units.text(seconds: number)
        }
    }
}

extension Limits {
    /// The canonical number of a key; see ``LimitKey/parse(_:)``.
    subscript(key: LimitKey) -> UInt64 {
        get {
            switch key {
            case .enforcement: enforcement == .cgroup ? 0 : 1
            case .pids: UInt64(pids)
            case .memory: memoryBytes
            case .shm: shmBytes
            case .tmp: tmpBytes
            case .workspaceBytes: workspaceBytes
            case .workspaceInodes: workspaceInodes
            case .openFiles: openFiles
            case .cpu: UInt64(cpuMillis)
            case .logBytes: logBytes
            case .egressBytes: egressBytes ?? LimitKey.noBound
            case .io: ioBytesPerSecond ?? LimitKey.noBound
            case .wall: wallSeconds
            case .workspace: workspaceMetered ? 0 : 1
            }
        }
        set {
            switch key {
            case .enforcement: enforcement = newValue == 0 ? .cgroup : .rlimit
            case .pids: pids = Int(newValue)
            case .memory: memoryBytes = newValue
            case .shm: shmBytes = newValue
            case .tmp: tmpBytes = newValue
            case .workspaceBytes: workspaceBytes = newValue
            case .workspaceInodes: workspaceInodes = newValue
            case .openFiles: openFiles = newValue
            case .cpu: cpuMillis = Int(newValue)
            case .logBytes: logBytes = newValue
            case .egressBytes: egressBytes = newValue == LimitKey.noBound ? nil : newValue
            case .io: ioBytesPerSecond = newValue == LimitKey.noBound ? nil : newValue
            case .wall: wallSeconds = newValue
            case .workspace: workspaceMetered = newValue == 0
            }
        }
    }

    /// The value of a key as a profile would write it.
    package func text(_ key: LimitKey) -> String { key.text(self[key]) }
}
