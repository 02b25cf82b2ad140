// SPDX-License-Identifier: Apache-2.0
package import LinuxSystem

/// A sandbox that could not be started: which step, on what, why, and what to do.
package struct LaunchError: Error, CustomStringConvertible, Sendable {
    package let step: String
    package let subject: String?
    package let errno: Errno
    package let position: Int
    package let total: Int
    package let remedy: String?

    package init(step: String, subject: String?, errno: Errno, position: Int = 0, total: Int = 0, remedy: String? = nil)
    {
        self.step = step
        self.subject = subject
        self.errno = errno
        self.position = position
        self.total = total
        self.remedy = remedy ?? Self.remedy(step, errno)
    }

    package init(_ error: SystemError, step: String) {
        self.init(step: step, subject: error.operation + " " + error.subject, errno: error.errno, remedy: error.remedy)
    }

    package var description: String {
        let place = total > 0 ? " (step \(position) of \(total))" : ""
        let on = subject.map { " on \"\($0)\"" } ?? ""
        return
            "cannot start the sandbox: \(step)\(on)\(place): \(errno.explanation) (\(errno)). \(remedy ?? "Run `sallyport doctor` to see what this host lacks.")"
    }

    /// What usually helps when this step fails so.
    private static func remedy(_ step: String, _ errno: Errno) -> String? {
        switch (step, errno.description) {
        case ("clone", "EPERM"), ("clone", "ENOSPC"):
            "User namespaces are refused on this host: see kernel.unprivileged_userns_clone, "
                + "kernel.apparmor_restrict_unprivileged_userns and user.max_user_namespaces; `sallyport doctor` names the one."
        case ("proc.make", "EPERM"):
            "The outer /proc has masked entries, so the kernel refuses a fresh one (mount_too_revealing). Run outside "
                + "that container, or give it an unmasked /proc."
        case ("seccomp", "ENOTSUPP"):
            "The kernel could not compile the filter, as when all of net.core.bpf_jit_limit is taken: end what loads many "
                + "filters, or raise that limit."
        case ("exec", "E2BIG"): "The command line and environment are larger than the kernel takes; pass data by file."
        case ("workspace.make", _):
            "The overlay could not be mounted; `sallyport doctor` probes what the workspace's file system lacks."
        default: nil
        }
    }
}
