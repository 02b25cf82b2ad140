// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy

extension Doctor {
    // MARK: Filter and Landlock

    func filters() -> [HostCheck] { [systemCallFilter(), notification(), landlock()] }

    private func systemCallFilter() -> HostCheck {
        do {
            let filter = try FilterCompiler.compile(FilterSpecification(profile.syscalls))
            return HostCheck("seccomp", .ok, "the profile's filter has \(filter.program.count / 8) instructions")
        } catch {
            return HostCheck(
                "seccomp", .missing, error.explanationLine, remedy: error.remedy ?? "libseccomp 2.5 or later is needed."
            )
        }
    }

    private func notification() -> HostCheck {
        let actions = kernelValue("/proc/sys/kernel/seccomp/actions_avail")?.split(separator: " ") ?? []
        guard actions.contains("user_notif") else {
            return HostCheck(
                "seccomp-notify", .missing,
                "the kernel offers \(actions.isEmpty ? "no filter" : actions.joined(separator: ", "))",
                remedy: "Install a kernel with CONFIG_SECCOMP_FILTER, 5.0 or later.")
        }
        return HostCheck("seccomp-notify", .ok, "refused calls are reported to the supervisor (user_notif)")
    }

    private func landlock() -> HostCheck {
        let abi = sp_landlock_abi()
        let needed = profile.landlock == .required
        guard abi >= 1 else {
            return HostCheck(
                "landlock", .degraded(key: "landlock: waived"), "the kernel has none (\(Errno(Int32(-abi))))",
                remedy: "Boot with landlock in the lsm= list (Linux 5.13 or later, CONFIG_SECURITY_LANDLOCK)\n"
                    + "or write into a profile: landlock: waived, with landlock_reason.", isRequired: needed)
        }
        let scope =
            abi >= 6
            ? "signals and abstract sockets are scoped too"
            : "scoping comes with ABI 6; until then the namespaces carry that duty"
        return HostCheck("landlock", .ok, "ABI \(abi); \(scope)", isRequired: needed)
    }

    // MARK: Control groups and what holds files

    func resources() -> [HostCheck] { [controlGroups()] + disk() }

    /// Sets the profile's limits on a group made for the purpose: a controller that is listed may still not be ours.
    private func controlGroups() -> HostCheck {
        let needed = profile.limits.enforcement == .cgroup
        let limits = profile.limits
        do throws(SystemError) {
            let layout = try CgroupLayout.detect()
            let trial = try SessionCgroup.create(
                "doctor-\(getpid())",
                CgroupLimits(memoryBytes: limits.memoryBytes, pids: limits.pids, cpuMillis: limits.cpuMillis), layout,
                root: mode == .host)
            try trial.remove(deadline: 2000)
            let version = layout.version == .v2 ? "v2" : "v1"
            return HostCheck(
                "cgroup", .ok, "\(version): memory with swap, pids and cpu were limited in a trial group",
                isRequired: needed)
        } catch {
            return HostCheck(
                "cgroup", .degraded(key: "limits.enforcement: rlimit"), error.explanationLine,
                remedy: controlGroupRemedy(error)
                    + "\nor choose the profile strict-rlimit, which bounds processes and not the session.",
                isRequired: needed)
        }
    }

    private func controlGroupRemedy(_ error: SystemError) -> String {
        // Without a bound on swap a session moves past its memory limit into swap. cgroup-v1/memory.rst, 2.4
        if error.errno == .noEntry && (error.subject.contains("memsw") || error.subject.contains("swap.max")) {
            return "Boot with swapaccount=1."
        }
        if mode == .rootless {
            return
                "Run it in a delegated group: systemd-run --user --scope -p Delegate=yes -- sallyport run ... (cgroup v2)"
        }
        return error.remedy ?? "Mount the controllers memory, pids and cpu, writable for root."
    }

    // MARK: Settings of the host

    func surroundings() -> [HostCheck] { [procfs(), corePattern()] + links() }

    private func procfs() -> HostCheck {
        let covered = mounts.coveringProc
        guard covered.isEmpty else {
            return HostCheck(
                "proc", .missing, "parts of /proc are covered: \(covered.prefix(3).joined(separator: ", "))",
                remedy:
                    "The kernel then refuses a new /proc (mount_too_revealing). In a container start it with an unmasked one:\n"
                    + "podman run --security-opt unmask=ALL, docker run --security-opt systempaths=unconfined, procMount: Unmasked."
            )
        }
        return HostCheck("proc", .ok, "/proc is whole, so a session can have its own")
    }

    private func corePattern() -> HostCheck {
        let pattern = kernelValue("/proc/sys/kernel/core_pattern") ?? ""
        guard pattern.hasPrefix("|") else {
            return HostCheck("core-pattern", .ok, "crashes start no program", isRequired: false)
        }
        // A limit of 0 does not keep the kernel from piping. core(5)
        return HostCheck(
            "core-pattern", .missing,
            "a crash inside starts \(pattern.dropFirst().prefix { $0 != " " }) as the host's root, with the crashed memory",
            remedy: "Run: sysctl -w kernel.core_pattern=core", isRequired: false)
    }

    private func links() -> [HostCheck] {
        [("protected-hardlinks", "protected_hardlinks"), ("protected-symlinks", "protected_symlinks")].map {
            layer, file in
            kernelValue("/proc/sys/fs/" + file) == "1"
                ? HostCheck(layer, .ok, "fs.\(file) is 1", isRequired: false)
                : HostCheck(
                    layer, .missing, "fs.\(file) is off", remedy: "Run: sysctl -w fs.\(file)=1", isRequired: false)
        }
    }
}
