// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Orchestrator
internal import TaskModel

/// Reads from the kernel how large this host is, and how busy.
enum HostGauge {
    /// - Parameter directory: On the disk that sessions fill.
    static func read(_ directory: String) throws(SystemError) -> HostLoad {
        let memory = try procText("/proc/meminfo")
        var space = statvfs()
        guard statvfs(directory, &space) == 0 else {
            throw SystemError("measure", "the disk of \"\(directory)\"", .io, remedy: "See the kernel log.")
        }
        let block = Int(clamping: space.f_frsize)
        let processors = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        guard processors > 0 else {
            throw SystemError("count", "the processors", .io, remedy: "See that /proc and /sys are mounted.")
        }
        return HostLoad(
            size: TaskResources(
                memoryBytes: try figure("MemTotal", memory), milliProcessors: processors * 1000,
                diskBytes: Int(clamping: space.f_blocks) * block),
            availableMemory: try figure("MemAvailable", memory),
            availableDisk: Int(clamping: space.f_bavail) * block, pressure: try pressure())
    }

    /// `MemTotal:       24613124 kB`. proc_meminfo(5)
    private static func figure(_ name: String, _ lines: [Substring]) throws(SystemError) -> Int {
        for line in lines where line.hasPrefix(name + ":") {
            if let number = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) { return number * 1024 }
        }
        throw SystemError("read", "\(name) in \"/proc/meminfo\"", .invalid, remedy: "See that /proc is mounted.")
    }

    /// Nil without CONFIG_PSI, or with psi=0: the files are not there, or cannot be read (EOPNOTSUPP).
    private static func pressure() throws(SystemError) -> HostLoad.Pressure? {
        do throws(SystemError) {
            return HostLoad.Pressure(
                memory: try average("memory", "some"), processors: try average("cpu", "some"),
                disk: try average("io", "full"))
        } catch {
            if error.errno == .noEntry || error.errno == Errno(EOPNOTSUPP) { return nil }
            throw error
        }
    }

    /// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`. Documentation/accounting/psi.rst
    private static func average(_ what: String, _ line: String) throws(SystemError) -> Double {
        let path = "/proc/pressure/\(what)"
        for text in try procText(path) {
            let words = text.split(separator: " ")
            guard words.first.map({ $0 == line }) == true else { continue }
            for word in words where word.hasPrefix("avg10=") {
                if let value = Double(word.dropFirst(6)), value.isFinite { return value }
            }
        }
        throw SystemError("read", "\"\(path)\"", .invalid, remedy: "This kernel writes it in another form.")
    }
}
