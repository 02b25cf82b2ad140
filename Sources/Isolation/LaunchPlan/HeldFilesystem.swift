// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import LinuxSystem
package import Policy

/// How much of a profile's file rules mounts can hold.
///
/// The tree itself gives the outermost answers: programs read-only, workspace and temporary places writable, nothing
/// else there. Beneath those a rule can take away, by a cover or a read-only mount; giving back beneath what was taken
/// away is not built, so such a profile is refused rather than held by half.
package enum HeldFilesystem {
    /// What is there by construction, with the access it has.
    private static let given: [(path: String, access: FilesystemPolicy.Access)] = [
        ("/usr", .readOnly), ("/etc", .readOnly), ("/workspace", .writable), ("/tmp", .writable),
        ("/dev/shm", .writable),
    ]

    private static func isGiven(_ transition: FilesystemPolicy.Transition) -> Bool {
        given.contains { $0.path == transition.path.text && transition.access <= $0.access }
    }

    /// The places beneath the given ones where something is taken away, parents first.
    static func rules(_ policy: FilesystemPolicy) -> [FilesystemPolicy.Transition] {
        policy.transitions.filter { $0.access < $0.outer }
    }

    /// Refuses a profile whose rules cannot all hold.
    package static func check(_ policy: FilesystemPolicy, profile: String) throws(SystemError) {
        for transition in policy.transitions where transition.access > transition.outer && !isGiven(transition) {
            throw SystemError(
                "hold", "filesystem rule \"\(transition.path.text)\" of profile \"\(profile)\"", Errno(ENOTSUP),
                remedy: "It gives back what a rule above it, or no rule at all, withholds. Grant one of "
                    + given.map { $0.path }.joined(separator: ", ") + " and deny beneath it.")
        }
    }
}
