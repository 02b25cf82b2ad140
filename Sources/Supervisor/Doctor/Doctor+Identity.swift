// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Isolation
internal import LinuxSystem

extension Doctor {
    // MARK: User namespaces

    func userNamespaces() -> [HostCheck] {
        let program: Descriptor
        do { program = try programs.sealed("sp-init") } catch {
            return [HostCheck("user-namespaces", .missing, "not tried: \(error.explanationLine)", remedy: error.remedy)]
        }
        do {
            _ = try UserNamespace.make(trialMaps, program: program)
        } catch {
            return [
                HostCheck(
                    "user-namespaces", .missing,
                    "making one failed at \(error.step): \(error.errno.explanation) (\(error.errno))",
                    remedy: namespaceRemedy())
            ]
        }
        let ids = mode == .host ? "with \(IdBlock.size - 1) ids of its own" : "with your own id"
        return [
            HostCheck(
                "user-namespaces", .ok, "one was made \(ids); at most \(kernelValue(Self.maximum) ?? "?") at once")
        ]
    }

    /// Only a map: no session's block is taken by writing one.
    var trialMaps: IdMaps {
        mode == .host
            ? .session(IdBlock(index: 0, base: IdRange.standard.first)) : .single(uid: geteuid(), gid: getegid())
    }

    private static let maximum = "/proc/sys/user/max_user_namespaces"

    /// Every cause has its own remedy; the first that applies is named. user_namespaces(7)
    private func namespaceRemedy() -> String {
        if kernelValue(Self.maximum) == "0" {
            return "user.max_user_namespaces is 0. Run: sysctl -w user.max_user_namespaces=63359"
        }
        if mode == .rootless && kernelValue("/proc/sys/kernel/unprivileged_userns_clone") == "0" {
            return "kernel.unprivileged_userns_clone is 0. Run: sysctl -w kernel.unprivileged_userns_clone=1"
        }
        if mode == .rootless && kernelValue("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" {
            return """
                AppArmor allows user namespaces to named programs only; name this one instead of lifting the limit for all:
                printf 'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile sallyport \(programs.directory)/sallyport flags=(unconfined) {\\n  userns,\\n}\\n' > /etc/apparmor.d/sallyport
                apparmor_parser -r /etc/apparmor.d/sallyport
                """
        }
        return "The kernel or an outer container forbids user namespaces (CONFIG_USER_NS, a seccomp filter, or an LSM)."
    }

    // MARK: Ids

    func identity() -> [HostCheck] {
        guard mode == .host else { return [newuidmap()] }
        let configured: IdRange
        do throws(SystemError) { configured = try HostFile.idRange() } catch {
            return [
                HostCheck("id-range", .missing, error.explanationLine, remedy: error.remedy ?? "Repair the host file.")
            ]
        }
        let overlap = IdOverlap(configured)
        let range = "ids \(configured.first) and the \(configured.blocks) blocks of \(IdBlock.size) from there"
        var others: [String] = []
        for path in ["/etc/subuid", "/etc/subgid"] {
            others += overlap.subordinates(lines(path)).map { "\($0) in \(path)" }
        }
        for path in ["/etc/passwd", "/etc/group"] { others += overlap.accounts(lines(path)).map { "\($0) in \(path)" } }
        if overlap.meetsSystemd { others.append("systemd uses some of them (UIDS-GIDS.md)") }
        var checks: [HostCheck] = []
        if others.isEmpty {
            checks.append(
                HostCheck("id-range", .ok, "\(range) are nobody else's in /etc/subuid, subgid, passwd, group"))
        } else {
            checks.append(
                HostCheck(
                    "id-range", .missing, "\(range) are also used: \(others.prefix(4).joined(separator: "; "))",
                    remedy: "Move the other user to ids below 1879048192; a session must share ids with nobody."))
        }
        if overlap.isReserved(lines("/etc/subuid")) && overlap.isReserved(lines("/etc/subgid")) {
            checks.append(
                HostCheck(
                    "id-reservation", .ok, "the range is reserved in /etc/subuid and /etc/subgid", isRequired: false))
        } else {
            checks.append(
                HostCheck(
                    "id-reservation", .missing, "nothing keeps useradd and others from giving these ids away",
                    remedy:
                        "Run: for f in /etc/subuid /etc/subgid; do echo \(overlap.reservation) >> $f; done",
                    isRequired: false))
        }
        checks.append(HostCheck("newuidmap", .ok, "not needed: root writes id maps itself", isRequired: false))
        return checks
    }

    private func newuidmap() -> HostCheck {
        let present = ["newuidmap", "newgidmap"].allSatisfy { access("/usr/bin/" + $0, X_OK) == 0 }
        return present
            ? HostCheck(
                "newuidmap", .ok, "newuidmap and newgidmap are installed; one id is used all the same",
                isRequired: false)
            : HostCheck(
                "newuidmap", .missing, "newuidmap is not installed; one id is used",
                remedy: "Run: apt-get install uidmap", isRequired: false)
    }
}
