// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Lines of a small kernel file.
package func procText(_ path: String) throws(SystemError) -> [Substring] {
    // Cut as bytes: a String looks for the borders of its characters, and a start reads many of these.
    try procBytes(path).split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self)[...] }
}

/// The bytes of a small kernel file.
package func procBytes(_ path: String) throws(SystemError) -> [UInt8] {
    let file = try Descriptor.open(path, O_RDONLY)
    return try file.readAll(limit: 4 << 20, subject: "\"\(path)\"")
}

/// Writes one value to a kernel file.
package func writeKernelFile(_ path: String, _ value: String) throws(SystemError) {
    let file = try Descriptor.open(path, O_WRONLY)
    try file.writeAll(Array(value.utf8), subject: "\"\(value)\" to \"\(path)\"")
}

/// The wanted lines `Key: value` of a status file, runs of blanks in a value made one. proc_pid_status(5)
///
/// Works on bytes: it is read before every workload's first instruction, and most of its lines are of no interest.
package func procFields(_ bytes: [UInt8], _ wanted: [String]) -> [(name: String, value: String)] {
    var fields: [(name: String, value: String)] = []
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")),
            let name = wanted.first(where: { $0.utf8.elementsEqual(line[..<colon]) })
        else { continue }
        fields.append((name, singleBlanks(line[(colon + 1)...])))
    }
    return fields
}

/// The process behind a pidfd, as this process's pid namespace numbers it. pidfd_open(2)
///
/// - Throws: ESRCH for one that was waited for, or that this namespace does not see.
package func processID(pidfd: Int32) throws(SystemError) -> Int32 {
    let fields = procFields(try procBytes("/proc/self/fdinfo/\(pidfd)"), ["Pid"])
    guard let pid = fields.first.flatMap({ Int32($0.value) }), pid > 0 else {
        throw SystemError("find", "the process behind descriptor \(pidfd)", .noSuchProcess)
    }
    return pid
}

/// Words with one blank between them and none around.
package func singleBlanks(_ bytes: ArraySlice<UInt8>) -> String {
    var text: [UInt8] = []
    for word in bytes.split(whereSeparator: { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) {
        if !text.isEmpty { text.append(UInt8(ascii: " ")) }
        text += word
    }
    return String(decoding: text, as: UTF8.self)
}

/// The fields of /proc/<pid>/stat from the third on. proc_pid_stat(5)
private func processStat(_ pid: Int32) throws(SystemError) -> [ArraySlice<UInt8>] {
    let line = try procBytes("/proc/\(pid)/stat")
    // The command may hold anything; the fields begin after its closing parenthesis.
    guard let close = line.lastIndex(of: UInt8(ascii: ")")) else { return [] }
    return line[(close + 1)...].split(separator: UInt8(ascii: " "))
}

/// The start time of a process as the kernel counts it, which together with the pid names it for good. proc(5)
package func processStartTime(_ pid: Int32) throws(SystemError) -> String {
    let fields = try processStat(pid)
    return fields.count > 19 ? String(decoding: fields[19], as: UTF8.self) : ""
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

/// Whether a child will never again run an instruction of its program: its address space is gone.
///
/// An exit gives the memory back first, then the descriptors, whose close may take long, and ends last: only that is what
/// its pidfd tells of. exit_mm() in kernel/exit.c; field 23 of proc_pid_stat(5), which is 0 without an address space.
///
/// Precondition: it was not waited for, and its filter lets it make no thread.
package func processHasNoMemory(pidfd: Int32) throws(SystemError) -> Bool {
    let fields = try processStat(try processID(pidfd: pidfd))
    return fields.count > 20 && fields[20].elementsEqual([UInt8(ascii: "0")])
}
