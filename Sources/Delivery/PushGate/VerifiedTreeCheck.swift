// SPDX-License-Identifier: Apache-2.0
internal import Workspace

/// What was tested is what is handed over.
enum VerifiedTreeCheck {
    static func findings(in input: borrowing GateInput) throws(GitError) -> [Finding] {
        guard let verified = input.candidate.verifiedTree else { return [] }
        let tree = try input.range.tree(of: input.range.head)
        guard tree != verified else { return [] }
        return [
            Finding(
                .refuse, .verifiedTree, at: "commit \(input.range.head)",
                "its tree is \(tree), and \(verified) was tested", remedy: "Test the commit that is to be delivered.")
        ]
    }
}
