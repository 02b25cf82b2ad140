// SPDX-License-Identifier: Apache-2.0
internal import Secrets

/// What a task looks at before it begins, and the mark that it may leave on a commit.
extension GitHubForge {
    /// Checks that the credential reaches the repository and, for work that is handed over, may write to it.
    package func requireAccess(writing: Bool) throws(ForgeError) {
        let record = try client.send(.repository).record
        guard try record.text("full_name").lowercased() == client.address.fullName.lowercased() else {
            throw ForgeError(
                .moved, "use", client.address.text, "the repository is called otherwise now",
                remedy: "Name it as it is called now.")
        }
        guard writing else { return }
        guard try record.flag("archived") == false else {
            throw ForgeError(
                .forbidden, "write to", client.address.text, "it is archived", remedy: "Bring it back first.")
        }
        // Of a token that says nothing of it, the push itself will tell.
        if let permissions = try record.member("permissions"), try permissions.flag("push") == false {
            throw ForgeError(
                .forbidden, "write to", client.address.text, "the credential may only read it",
                remedy: "Give it the permission contents=write.")
        }
    }

    /// Checks that a branch is nobody's but its pull request's: neither the default one nor a protected one.
    package func requireUnprotected(_ branch: String) throws(ForgeError) {
        let isDefault = try client.send(.repository).record.text("default_branch") == branch
        guard !isDefault, try !client.send(.branch(branch)).record.flag("protected") else {
            throw ForgeError(
                .protected, "work on", "branch \"\(branch)\" of \(client.address.text)",
                isDefault ? "it is the default branch" : "it is protected",
                remedy: "Open a pull request from a branch of its own.")
        }
    }

    /// Marks a commit as one that stands up to every gate, no other being handed over; or, beside that, with what the agent
    /// says of it.
    package func mark(_ commit: String, _ description: String, claim: String? = nil) throws(ForgeError) {
        try client.send(
            .status(
                commit: commit, state: claim ?? "success", isClaimed: claim != nil,
                description: String(Redactor.redacted(description).unicodeScalars.prefix(140))))
    }
}
