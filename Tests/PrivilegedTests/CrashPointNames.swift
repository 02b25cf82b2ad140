// SPDX-License-Identifier: Apache-2.0
import Documents
import Supervisor
import TestSupport

/// Every fault point there is.
enum CrashPointNames {
    /// Moments of the supervisor.
    static let supervisor = FaultPoint.names

    /// Steps of the child, as the launch plan of a session with a workspace names them; empty when no plan can be made.
    static let child: [String] = {
        do {
            let sallyport = try Sallyport()
            let workspace = try sallyport.home.directory("project")
            let plan = try sallyport.command([
                "run", "--dry-run", "--json", "--workspace", workspace, "--frames", sallyport.home.at("frames"), "--",
                "true",
            ]).run()
            let steps = try JSON.read(plan.output, file: "the launch plan")["steps"]?.arrayValue ?? []
            var seen: Set<String> = []
            return steps.compactMap { $0["step"]?.stringValue }.filter { seen.insert($0).inserted }
        } catch {
            return []
        }
    }()

    static let all = supervisor + child
}
