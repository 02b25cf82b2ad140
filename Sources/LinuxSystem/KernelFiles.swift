// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Lines of a small kernel file.
package func procText(_ path: String) throws(SystemError) -> [Substring] {
    let file = try Descriptor.open(path, O_RDONLY)
    let bytes = try file.readAll(limit: 4 << 20, subject: "\"\(path)\"")
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
}

/// Writes one value to a kernel file.
package func writeKernelFile(_ path: String, _ value: String) throws(SystemError) {
    let file = try Descriptor.open(path, O_WRONLY)
    try file.writeAll(Array(value.utf8), subject: "\"\(value)\" to \"\(path)\"")
}

/// The start time of a process as the kernel counts it, which together with the pid names it for good. proc(5)
package func processStartTime(_ pid: Int32) throws(SystemError) -> String {
    let line = try procText("/proc/\(pid)/stat").first ?? ""
    // The command may hold anything; the fields begin after its closing parenthesis.
    guard let close = line.lastIndex(of: ")") else { return "" }
    let fields = line[line.index(after: close)...].split(separator: " ")
    return fields.count > 19 ? String(fields[19]) : ""
}

/// Whether the process that had this pid and start time still runs; one that only waits to be reaped does not.
package func processRuns(_ pid: Int32, start: some StringProtocol) throws(SystemError) -> Bool {
    do throws(SystemError) {
        guard try processStartTime(pid) == start else { return false }
        let state = try procText("/proc/\(pid)/status").first { $0.hasPrefix("State:") } ?? ""
        return !state.contains("Z (") && !state.contains("X (")
    } catch {
        if error.errno == .noEntry || error.errno == .noSuchProcess { return false }
        throw error
    }
}
