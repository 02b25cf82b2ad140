// SPDX-License-Identifier: Apache-2.0
package import Isolation

/// Whoever else may use ids of the range that sessions are given.
///
/// Only local files are read: a directory service is asked by NSS, whose modules would run in this process.
package struct IdOverlap: Sendable {
    package let range: IdRange
    package init(_ range: IdRange) { self.range = range }

    private var first: UInt64 { UInt64(range.first) }
    private var end: UInt64 { first + UInt64(range.blocks) * UInt64(IdBlock.size) }

    /// Owners whose subordinate range in /etc/subuid or /etc/subgid meets ours; ours and root's are reservations.
    package func subordinates(_ lines: [Substring]) -> [String] {
        lines.compactMap { line in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count == 3, let start = UInt64(fields[1]), let count = UInt64(fields[2]) else { return nil }
            guard fields[0] != "sallyport", fields[0] != "root", start < end,
                start.addingReportingOverflow(count).partialValue > first
            else { return nil }
            return "\(fields[0]) has \(start) and the \(count) ids from there"
        }
    }

    /// Whether the whole range is reserved for us.
    package func isReserved(_ lines: [Substring]) -> Bool {
        lines.contains { line in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count == 3, fields[0] == "sallyport" || fields[0] == "root" else { return false }
            guard let start = UInt64(fields[1]), let count = UInt64(fields[2]) else { return false }
            return start <= first && start.addingReportingOverflow(count).partialValue >= end
        }
    }

    /// Names of /etc/passwd or /etc/group whose id lies in the range.
    package func accounts(_ lines: [Substring]) -> [String] {
        lines.compactMap { line in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count >= 3, let id = UInt64(fields[2]), id >= first, id < end else { return nil }
            return "\(fields[0]) is \(id)"
        }
    }

    /// systemd-nspawn picks from 524288 to 1879048191, and 2147352576 upward are systemd's foreign ids. UIDS-GIDS.md
    package var meetsSystemd: Bool { first < 1_879_048_192 && end > 524_288 || end > 2_147_352_576 }

    /// The line that reserves the range.
    package var reservation: String { "sallyport:\(first):\(end - first)" }
}
