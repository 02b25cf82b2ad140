// SPDX-License-Identifier: Apache-2.0
import CLinux
import Documents
import LinuxSystem
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
            let names = steps.compactMap { $0["step"]?.stringValue }.filter { seen.insert($0).inserted }
            // Before Linux 6.6 changes are never in memory: then the pool's points stand for these steps.
            return names.filter { !$0.hasPrefix("upper.") || tmpfsTakesAttributes }
        } catch {
            return []
        }
    }()

    private static let tmpfsTakesAttributes: Bool = {
        let file = Descriptor(owning: Int32(sp_memfd("attribute-probe")))
        return sp_try_user_attribute(file.number) >= 0
    }()

    static let all = supervisor + child
}
