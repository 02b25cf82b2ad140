// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
package import Orchestrator

/// Steps on this host: each is one verb of `sallyport task` in a directory as sessions have one, found, watched and stopped
/// as those are.
extension LocalSandboxCompute: StepCompute {
    package func startStep(_ start: StepStart) throws(ComputeError) {
        try launch(start.process) { (directory) throws(SystemError) in
            try TaskCommand.arguments(start, in: directory)
        }
    }

    package func pollStep(_ process: String) throws(ComputeError) -> StepStatus {
        try asking { () throws(SystemError) in
            guard let directory = try place.open(process) else {
                return .failed(SessionFailure(.lost, "its directory is gone"))
            }
            if try isRunning(process, directory) { return .running }
            // Nobody stops a step that is over, as sessions are: what was held to watch it is given back here.
            forget(process)
            if let end = try SessionPlace.stepEnd(directory) { return .ended(end) }
            return .failed(try Self.silence(directory))
        }
    }
}
