// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// Checks one commit out, prepares it, and becomes one of its commands: the exit status is the command's own, seen by
/// the supervisor.
struct VerifyMode {
    private let options: Options

    init(_ options: Options) { self.options = options }

    func run() throws(Failure) -> ExitCode {
        let test = try options.required("--test-command")
        try Checkout(options).make()
        try Command.shell(test, environment: Environment.entries).become()
    }
}

/// One commit in the workspace, prepared by the project's own commands.
struct Checkout {
    private let options: Options

    init(_ options: Options) { self.options = options }

    func make() throws(Failure) {
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
        for name in ["setup", "build"] { try prepare(name) }
    }

    private func prepare(_ name: String) throws(Failure) {
        guard let command = options["--\(name)-command"] else { return }
        Log.line("\(name): \(command)")
        let end = try Command.shell(command, environment: Environment.entries).run()
        guard end.exit_code == 0 else {
            throw Failure("\(name) failed (exit \(end.exit_code), signal \(end.signal))", code: .cannotVerify)
        }
    }
}
