// SPDX-License-Identifier: Apache-2.0

/// Keeps the two lines about one connection in order: the first waits for the name of a process, and a short connection
/// is over by then.
final class Story {
    private let audit: AuditLog
    private var isOpened = false
    private var end: AuditRecord?

    init(_ audit: AuditLog) { self.audit = audit }

    func opened() {
        isOpened = true
        if let end { audit.record(end) }
    }

    func close(_ record: AuditRecord) {
        if isOpened { audit.record(record) } else { end = record }
    }
}
