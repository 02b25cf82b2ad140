// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// The runner's last act: brings the branch to the session's own repository.
struct Handover {
    let git: Git
    let origin: String

    /// Between two tries; a broker that is busy with another push needs a moment.
    private static let pauses: [Int64] = [500, 1000, 2000, 4000]
    /// A server that says nothing for so long is given up.
    private static let silence = ["-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=300"]

    /// Pushes a commit, and tries again a few times where no answer came.
    ///
    /// - Returns: False when it was refused, or nobody answered: there is another way out.
    func push(_ commit: String, to branch: String) throws(Failure) -> Bool {
        for (index, pause) in ([0] + Self.pauses).enumerated() {
            if pause > 0 { sp_pause(pause) }
            let (code, said) = try git.attempt(
                Self.silence + [
                    "push", "--porcelain", "--no-verify", "--no-follow-tags", origin, "\(commit):refs/heads/\(branch)",
                ])
            if code == 0 { return true }
            // "!<TAB>from:to<TAB>[rejected] (why)": the answer was no, and would be again. git-push(1)
            if let refusal = said.split(separator: 0x0A).first(where: { $0.starts(with: [0x21, 0x09]) }) {
                report("push_refused", String(decoding: refusal.prefix(300), as: UTF8.self))
                return false
            }
            Log.line("push \(index + 1) failed (exit \(code))")
        }
        report("push_failed", "the session's repository did not answer")
        return false
    }

    private func report(_ name: String, _ text: String) {
        Log.line("\(text); the branch is handed over as a bundle")
        Frames.milestone(name, [Frames.Field("text", text)])
    }
}
