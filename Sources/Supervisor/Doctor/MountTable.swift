// SPDX-License-Identifier: Apache-2.0

/// The mounts of this process's namespace, as far as the doctor asks. proc_pid_mountinfo(5)
package struct MountTable: Sendable {
    package struct Entry: Sendable, Equatable {
        package let point: String
        package let type: String
        package let options: [String]
    }
    package let entries: [Entry]

    package init(_ lines: [Substring]) {
        entries = lines.compactMap { line in
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 1 else { return nil }
            return Entry(
                point: String(fields[4]), type: String(fields[dash + 1]),
                options: fields[5].split(separator: ",").map(String.init))
        }
    }

    /// The mount that a path lies on: the longest point above it, the last one of equal points.
    package func holding(_ path: String) -> Entry? {
        entries.filter { $0.point == "/" || path == $0.point || path.hasPrefix($0.point + "/") }
            .reduce(nil) { best, entry in (best?.point.utf8.count ?? -1) <= entry.point.utf8.count ? entry : best }
    }

    /// Mounts that hide a part of /proc. One of them makes the kernel refuse a new /proc in a user namespace
    /// (mount_too_revealing); places that are empty by design do not count.
    package var coveringProc: [String] {
        entries.map { $0.point }.filter { $0.hasPrefix("/proc/") && !$0.hasPrefix("/proc/sys/fs/binfmt_misc") }
    }
}
