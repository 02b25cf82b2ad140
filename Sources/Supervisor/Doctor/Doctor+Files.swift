// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy

extension Doctor {
    func fileSystems() -> [HostCheck] {
        var checks = [mergedUsr()]
        // Without root a mount needs a namespace of one's own; the row "sandbox" shows it then.
        guard mode == .host else { return checks }
        checks.append(mountInterface())
        checks.append(idMapped("idmap-usr", "/usr", "its files then show as nobody's inside, and the record says so"))
        checks.append(idMapped("idmap-state", paths.state, "a workspace there is refused"))
        checks.append(idMapped("idmap-runtime", paths.runtime, "an extra mount from there shows as nobody's inside"))
        return checks
    }

    private func mergedUsr() -> HostCheck {
        let needed = profile.rootfs == "host"
        do {
            if try FileStatus.path("/bin").isSymlink {
                return HostCheck("merged-usr", .ok, "/bin is a link into /usr", isRequired: needed)
            }
        } catch {
            return HostCheck("merged-usr", .missing, error.explanationLine, isRequired: needed)
        }
        return HostCheck(
            "merged-usr", .missing, "/bin is a directory of its own",
            remedy:
                "Run: apt-get install usrmerge\nor use a rootfs of its own: rootfs/build debian, and rootfs: debian in the profile.",
            isRequired: needed)
    }

    private func mountInterface() -> HostCheck {
        do {
            _ = try Trees(mode: mode, held: DescriptorSet()).open("/usr", at: "usr")
            return HostCheck(
                "mount-api", .ok, "/usr was cloned and made read-only without being attached (open_tree, mount_setattr)"
            )
        } catch {
            return HostCheck(
                "mount-api", .missing, error.explanationLine,
                remedy: "It needs Linux 5.12 and CAP_SYS_ADMIN; in a container, both calls in its seccomp profile.")
        }
    }

    private func idMapped(_ layer: String, _ path: String, _ without: String) -> HostCheck {
        let type = mounts.holding(path)?.type ?? "an unknown file system"
        do {
            let tree = try Trees(mode: mode, held: held).open(path, at: "", recursive: false)
            let program = try programs.sealed("sp-init")
            let namespace: Descriptor
            do throws(LaunchError) { namespace = try UserNamespace.make(trialMaps, program: program) } catch {
                return HostCheck(layer, .missing, "not tried: no user namespace could be made", isRequired: false)
            }
            if try Trees.map(tree, namespace: namespace.number) {
                return HostCheck(layer, .ok, "\(path) (\(type)) takes an id map", isRequired: false)
            }
        } catch {
            return HostCheck(layer, .missing, "\(error)", isRequired: false)
        }
        return HostCheck(
            layer, .missing, "\(path) (\(type)) takes no id map; \(without)",
            remedy: "Use ext4, xfs or btrfs there, or tmpfs from Linux 6.3.", isRequired: false)
    }

    // MARK: Directories

    func directories() -> HostCheck {
        do {
            try paths.prepare()
        } catch {
            return HostCheck("directories", .missing, error.explanationLine, remedy: error.remedy)
        }
        let kinds = [paths.runtime, paths.state].map { "\($0) (\(mounts.holding($0)?.type ?? "?"))" }
        return HostCheck(
            "directories", .ok, "\(kinds.joined(separator: " and ")) belong to the caller and nobody else writes there")
    }

    // MARK: Programs

    func beside() -> [HostCheck] {
        let known: [(name: String, why: String, needed: Bool)] = [
            ("sp-init", "nothing starts", true), ("sallyport-gateway", "no run on a terminal", false),
            ("sallyport-task", "no task can be run", false), ("sallyport-runner", "no task can be run", false),
            ("sp-probe", "no attack can be tried", false),
        ]
        return known.map { program(name: $0.name, without: $0.why, needed: $0.needed) }
    }

    private func program(name: String, without: String, needed: Bool) -> HostCheck {
        let path = programs.directory + "/" + name
        do {
            let status = try FileStatus.path(path)
            guard status.isRegular, status.uid == 0 || status.uid == geteuid(), status.permissions & 0o022 == 0 else {
                return HostCheck(
                    name, .missing, "\(path) could be changed by others, so it is not used: \(without)",
                    remedy: "Run: chown root:root \(path) && chmod 0755 \(path)", isRequired: needed)
            }
            return HostCheck(name, .ok, "\(path) belongs to \(status.uid == 0 ? "root" : "you")", isRequired: needed)
        } catch {
            return HostCheck(
                name, .missing, "no \(path) (\(error.errno)): \(without)",
                remedy: "Install it beside sallyport; scripts/build makes all programs.", isRequired: needed)
        }
    }
}
