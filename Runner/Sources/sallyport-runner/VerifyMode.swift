// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// Checks one commit out and becomes its test: the exit status is the test's own, seen by the supervisor.
struct VerifyMode {
    private let options: Options

    init(_ options: Options) { self.options = options }

    func run() throws(Failure) -> ExitCode {
        let test = try options.required("--test-command")
        Frames.keepPrivate()
        do throws(Failure) {
            let git = try Git(directory: options.workspace)
            try git.clone(from: try options.required("--source"))
            try git.run(["checkout", "--quiet", "--detach", try options.required("--commit")])
        } catch {
            throw Failure(error.message, code: .cannotVerify)
        }
        let entered = sp_change_directory(options.workspace)
        guard entered == 0 else {
            throw Failure("cannot enter \(options.workspace): \(errorText(entered))", code: .cannotVerify)
        }
        try Command.shell(test, environment: Environment.entries).become()
    }
}
