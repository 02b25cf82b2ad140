// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Supervisor

/// `sallyport task ...`, `collect`, and what works on the bundle of a task: becomes sallyport-task, which holds libgit2 so
/// that this program need not.
enum TaskVerb {
    static func run(_ rest: [String]) -> Int32 {
        do {
            let program = try Programs.beside().directory + "/sallyport-task"
            let argv = ([program] + rest).map { strdup($0) } + [nil]
            try checked("execute", "\"\(program)\"") { sp_task_become(program, argv) }
        } catch {
            Output.error("\(error)")
        }
        return 125
    }
}
