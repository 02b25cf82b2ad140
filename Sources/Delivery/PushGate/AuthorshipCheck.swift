// SPDX-License-Identifier: Apache-2.0
internal import Workspace

/// Nobody's name is borrowed: a commit says of itself who made it, and nothing proves it.
enum AuthorshipCheck {
    static func findings(in input: borrowing GateInput) -> [Finding] {
        (input.commits ?? []).flatMap { commit -> [Finding] in
            guard let text = commit.text else {
                return [
                    Finding(
                        .refuse, .authorship, at: "commit \(commit.id)", "its headers are not those that git writes",
                        remedy: "Have the commit made anew, inside a sandbox.")
                ]
            }
            return strangers(commit.id, text, input.rules) + control(commit.id, text)
        }
    }

    private static func strangers(_ id: ObjectID, _ text: CommitText, _ rules: GateRules) -> [Finding] {
        guard let authors = rules.authors, let severity = authors.others.severity else { return [] }
        return [("author", text.author), ("committer", text.committer)].compactMap { role, identity in
            if authors.allow.contains(where: { allows($0, identity) }) { return nil }
            return Finding(
                severity, .authorship, at: "commit \(id)",
                "its \(role) is \"\(identity.text)\", whom the rules do not name",
                remedy: severity == .refuse
                    ? "Have the commit made under an allowed name, or add the name to authors.allow in the rules."
                    : "Do not take the name as a proof of who wrote it.")
        }
    }

    /// `name <email>` is one identity, an address or `*@host` any name with it. The case of addresses does not count.
    private static func allows(_ pattern: String, _ identity: CommitText.Identity) -> Bool {
        let email = PrintableText.escaped(identity.email).lowercased()
        if pattern.contains("<") { return pattern == identity.text }
        if pattern.hasPrefix("*@") { return email.hasSuffix(pattern.dropFirst().lowercased()) }
        return email == pattern.lowercased()
    }

    /// A message goes to terminals and logs.
    private static func control(_ id: ObjectID, _ text: CommitText) -> [Finding] {
        let allowed: Set<UInt8> = [0x09, 0x0A, 0x0D]
        let all = text.message + text.author.name + text.author.email + text.committer.name + text.committer.email
        guard all.contains(where: { ($0 < 0x20 && !allowed.contains($0)) || $0 == 0x7F }) else { return [] }
        return [
            Finding(
                .flag, .authorship, at: "commit \(id)", "its text has control characters, which act on a terminal",
                remedy: "Look at it with: git log --format=raw | cat -v.")
        ]
    }
}
