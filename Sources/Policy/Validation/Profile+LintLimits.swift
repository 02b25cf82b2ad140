// SPDX-License-Identifier: Apache-2.0

extension Profile {
    /// What a program needs beside the files it keeps in memory: code, heap, page tables.
    private static let heapBytes: UInt64 = 64 << 20

    func lintLimits() -> [LintFinding] {
        var findings = Self.floors.compactMap { key, floor, why in
            limits[key] >= floor
                ? nil
                : finding(
                    .error, "limits.\(key.rawValue)", "is \(limits.text(key)), too small for \(why)",
                    remedy: "Write at least \(key.text(floor)).")
        }
        // tmpfs pages are charged to the cgroup, and with no swap a full /tmp is an out-of-memory kill, not ENOSPC.
        let files = [limits.tmpBytes, limits.shmBytes, limits.workspaceMetered ? limits.workspaceBytes : 0]
        let needed = files.reduce(Self.heapBytes) { $0.addingReportingOverflow($1).partialValue }
        if limits.memoryBytes < needed {
            findings.append(
                finding(
                    .warning, "limits.memory",
                    "is \(limits.text(.memory)), less than tmp, shm, workspace_bytes and 64MiB together, "
                        + "\(Units.text(bytes: needed)): where the workspace lies in memory a full one ends the session",
                    remedy: "Raise it, lower the others, or rely on a disk-backed workspace."))
        }
        if !limits.workspaceMetered {
            findings.append(
                finding(
                    .warning, "limits.workspace", "is unmetered: a task can fill the disk its workspace lies on",
                    remedy: "Use it only where the host has no quota to offer."))
        }
        if limits.enforcement == .rlimit, limits.ioBytesPerSecond != nil {
            findings.append(
                finding(
                    .error, "limits.io", "is \(limits.text(.io)), which no resource limit of a process can hold",
                    remedy: "Use enforcement: cgroup, or leave the key out."))
        }
        if limits.enforcement == .rlimit {
            findings.append(
                finding(
                    .warning, "limits.enforcement",
                    "is rlimit: memory and processor time are bounded for each process, not for the session",
                    remedy: "Use cgroup where a controller is delegated."))
        }
        return findings
    }

    private static let floors: [(LimitKey, UInt64, String)] = [
        (.pids, 4, "pid 1, a shell and its command"),
        (.memory, 16 << 20, "any program to start"),
        (.tmp, 64 << 10, "a temporary file"),
        (.workspaceBytes, 1 << 20, "a build's first file"),
        (.workspaceInodes, 64, "a build's first directory"),
        (.openFiles, 16, "a shell with pipes"),
        (.cpu, 10, "any progress"),
        (.logBytes, 4 << 10, "an error message"),
        (.egressBytes, 1 << 10, "the head of a request"),
        (.io, 64 << 10, "a page of a file now and then"),
        (.wall, 1, "anything to happen"),
    ]
}
