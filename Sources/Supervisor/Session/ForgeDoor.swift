// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import LinuxSystem
internal import Wire

/// The files of a session that its forge broker writes.
enum ForgeFiles {
    /// One line for each request: what it was, and what became of it.
    static let ledger = "forge.jsonl"
    /// The changes that the session proposed: its word, checked for form.
    static let proposals = "proposals.jsonl"
}

/// One session's forge broker, which has no secret and no network.
typealias ForgeDoor = BrokerDoor<ForgeServing>

extension ForgeDoor {
    /// Says what is served; ``ready()`` comes next.
    func begin(
        _ access: ForgeAccess, _ correlation: CorrelationID?, _ directory: borrowing Directory, options: BrokerOptions
    ) throws(SystemError) {
        let view = try SealedDocument.make(access.view, name: "view of the forge")
        let files = try BrokerFiles(directory, [ForgeFiles.ledger, ForgeFiles.proposals])
        try begin(ForgeStart(options: options, correlation: correlation)) { connections in
            [view.number, connections] + files.numbers
        }
    }
}
