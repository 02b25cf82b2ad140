// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Isolation
import TestSupport

/// What one session has left on the host.
///
/// Looked for by the session's name, its block of ids and its operator's directories, never by counting: other sessions
/// come and go on the same machine meanwhile. Namespaces are not looked for: without a process, a descriptor or a mount
/// that names it the kernel has none.
struct CrashResidue {
    let session: String
    /// First id of its block; nil when it has had none, or had given it back before anybody looked.
    let base: UInt32?
    /// A moment at which the block was still the session's. Processes with its ids that started later belong to whoever
    /// has the block since.
    let moment: CrashMoment

    init(_ session: String, base: UInt32? = nil) {
        moment = CrashMoment()
        self.session = session
        self.base = base ?? HostIds.base(of: session)
    }

    /// One line for each thing that is left; empty when the host is clean.
    ///
    /// - Parameter keepsRecord: the session has ended by itself, so that its directory with the record stays until sweep.
    func found(_ sallyport: Sallyport, keepsRecord: Bool = false) -> [String] {
        var left: [String] = []
        if !keepsRecord && names("\(sallyport.runtime)/sessions").contains(session) {
            left.append("directory of the session")
        }
        left += HostGroups.all().filter { $0.hasSuffix("/\(session)") }.map { "group \($0)" }
        if HostIds.base(of: session) != nil { left.append("id block") }
        if let base { left += HostIds.running(base).filter(moment.isAfterStart).map { "process \($0)" } }
        let changes = names("\(sallyport.state)/changes")
        left += changes.filter { $0.hasPrefix(".") && $0.contains(session) }.map { "half-collected changes \($0)" }
        if changes.contains("\(session).json") != changes.contains("\(session).set") {
            left.append("half a set of changes")
        }
        if names("\(sallyport.state)/pool").contains(session) { left.append("directory of the pool") }
        // The runtime directory holds whole files and directories only; what is being made has a name with a dot.
        for directory in [sallyport.runtime, sallyport.state] {
            left += names(directory).filter { $0.hasPrefix(".") }.map { "\(directory)/\($0)" }
        }
        left += (text("/proc/self/mountinfo") ?? "").split(separator: "\n")
            .filter { $0.contains(session) || $0.contains(sallyport.home.path) }.map { "mount \($0)" }
        for name in names("/sys/block") where name.hasPrefix("loop") {
            let file = text("/sys/block/\(name)/loop/backing_file") ?? ""
            if file.contains(sallyport.home.path) { left.append("loop device \(name) on \(file)") }
        }
        return left
    }
}

/// A moment as the kernel counts the start of processes.
struct CrashMoment {
    /// Hundredths of a second since boot, whatever the kernel's own tick is. proc_pid_stat(5), field 22
    private let ticks = sp_clock_ns(CLOCK_BOOTTIME) / 10_000_000

    /// Whether a process that runs had started by then.
    func isAfterStart(of pid: Int32) -> Bool {
        // The name may hold anything; the fields begin after its closing parenthesis.
        guard let stat = text("/proc/\(pid)/stat"), let close = stat.lastIndex(of: ")") else { return false }
        let fields = stat[close...].split(separator: " ")
        return fields.count > 20 && UInt64(fields[20]).map { $0 <= ticks } ?? true
    }
}

/// Every control group of this host's hierarchies beneath a group of ours, by its path.
enum HostGroups {
    static func all() -> [String] {
        let mounts = (text("/proc/self/mounts") ?? "").split(separator: "\n").map { $0.split(separator: " ") }
        let roots = mounts.filter { $0.count > 2 && $0[2].hasPrefix("cgroup") }.map { String($0[1]) }
        return Set(roots).sorted().flatMap { ours(beneath: $0) }
    }

    private static func ours(beneath directory: String) -> [String] {
        directories(directory).flatMap { path in
            path.hasSuffix("/sallyport") ? directories(path) : ours(beneath: path)
        }
    }

    private static func directories(_ path: String) -> [String] {
        guard let dir = opendir(path) else { return [] }
        defer { closedir(dir) }
        var found: [String] = []
        while let entry = readdir(dir) {
            guard Int(entry.pointee.d_type) == Int(DT_DIR) else { continue }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { found.append("\(path)/\(name)") }
        }
        return found
    }
}

/// The host's table of id blocks, read without the code that writes it.
enum HostIds {
    private static let entrySize = 64

    /// First id of the block that a session holds.
    static func base(of session: String) -> UInt32? { table()[session] }

    static func table() -> [String: UInt32] {
        let bytes = contents("/run/sallyport.ids") ?? []
        var found: [String: UInt32] = [:]
        for index in 0..<(bytes.count / entrySize) where bytes[index * entrySize] != 0 {
            let entry = String(
                decoding: bytes[(index * entrySize)..<((index + 1) * entrySize)].prefix { $0 != 0 }, as: UTF8.self)
            // "session pid start-time base"
            let fields = entry.split(separator: " ")
            if let session = fields.first, let base = fields.last.flatMap({ UInt32($0) }) {
                found[String(session)] = base
            }
        }
        return found
    }

    /// Processes with an id of the block. One that has given its memory back runs no more, whether it is still closing
    /// what it had or waits for its parent to ask.
    static func running(_ base: UInt32) -> [Int32] {
        processes(uids: base..<(base + IdBlock.size)).filter { statusField($0, "VmSize") != nil }
    }
}
