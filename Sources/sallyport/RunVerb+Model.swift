// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Supervisor

extension RunVerb {
    /// What `--model` and the options beside it ask for.
    static func model(_ arguments: Arguments, _ context: Context) throws -> ModelAccess? {
        guard let file = try arguments.value("model") else {
            for option in ["max-budget", "max-turns"] where !arguments.all(option).isEmpty {
                throw UsageError("--\(option) needs --model FILE: without one there is nothing to spend on")
            }
            return nil
        }
        var access = try ModelAccess(file: try absolute(file), context.profiles)
        if let text = try arguments.value("max-budget") {
            guard access.setBudget(text) else {
                throw UsageError(
                    "--max-budget takes an amount from 0.01 to 100 dollars, such as 2.50; \"\(text)\" is none")
            }
        }
        if let text = try arguments.value("max-turns") {
            guard access.setTurns(text) else {
                throw UsageError("--max-turns takes a number from 1 to 500, and \"\(text)\" is none")
            }
        }
        return access
    }
}
