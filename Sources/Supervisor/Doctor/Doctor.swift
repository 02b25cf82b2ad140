// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Isolation
package import LinuxSystem
package import Policy

/// Looks at this host as a profile's sandbox would need it. What can be tried is tried, not read off a version.
package struct Doctor {
    let profile: Profile
    /// As the caller named it: trials take the same argument.
    let profileName: String
    let paths: HostPaths
    let programs: Programs
    let mode: Mode
    let environment: (String) -> String?
    let kernel: (release: String, machine: String)
    let mounts: MountTable
    /// Keeps detached trial mounts until everything has been looked at.
    let held = DescriptorSet()

    package init(
        _ profile: Profile, named profileName: String, paths: HostPaths, programs: Programs,
        environment: @escaping (String) -> String?
    ) throws(SystemError) {
        self.profile = profile
        self.profileName = profileName
        self.paths = paths
        self.programs = programs
        mode = .current
        self.environment = environment
        kernel = KernelVersion.running()
        mounts = MountTable(try procText("/proc/self/mountinfo"))
    }

    /// Everything, in the order in which a sandbox is built; ends with a real one.
    ///
    /// Blocks every signal of this thread, as starting children with shared memory needs, and leaves them blocked.
    package func examine() throws(SystemError) -> HostReport {
        _ = Descriptor(owning: Int32(try checked("block", "signals") { sp_block_signals_and_watch() }))
        var checks = [directories(), kernelRelease()] + userNamespaces()
        checks += identity()
        checks += fileSystems()
        checks += filters()
        checks += resources()
        checks += network()
        checks += surroundings()
        checks += beside()
        checks += try Trial(self).checks()
        return HostReport(mode: mode.rawValue, profile: profile.name, checks: checks, differences: differences)
    }

    private func kernelRelease() -> HostCheck {
        let oldest = KernelVersion(5, 12)
        let seen = "Linux \(kernel.release) on \(kernel.machine)"
        guard kernel.machine == "x86_64" || kernel.machine == "aarch64" else {
            return HostCheck(
                "kernel", .missing, seen, remedy: "Sallyport knows the system calls of x86_64 and aarch64 only.")
        }
        guard let version = KernelVersion(release: kernel.release), version >= oldest else {
            return HostCheck(
                "kernel", .missing, seen,
                remedy: "Install a kernel of at least \(oldest) (mount_setattr); Debian 12 has 6.1.")
        }
        return HostCheck("kernel", .ok, seen)
    }

    /// What a rootless session does without, so that nobody has to find out from inside.
    private var differences: [String] {
        guard mode == .rootless else { return [] }
        return [
            "Rootless: everything inside runs with your own id, so the runner is inside the agent's trust.",
            "Rootless: mounts carry no id map; files that are not yours belong to nobody inside.",
            "Rootless: what a task writes is kept in memory only; there is no quota on disk.",
            "Rootless: limits hold by a delegated cgroup, or for each process only (limits.enforcement: rlimit).",
        ]
    }

    /// First line of a kernel file, or nil where this kernel has none.
    func kernelValue(_ path: String) -> String? {
        do { return try procText(path).first.map { String($0) } ?? "" } catch { return nil }
    }

    /// Lines of a file of the host; none when it is absent or unreadable, which the caller treats as "nothing said".
    func lines(_ path: String) -> [Substring] {
        do { return try procText(path) } catch { return [] }
    }
}
