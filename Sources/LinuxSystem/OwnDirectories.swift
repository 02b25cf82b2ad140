// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Where Sallyport's own directories lie, for every program of it: two that answer differently would keep a key where no
/// sandbox is kept from it.
package struct OwnDirectories: Sendable {
    /// Live sessions; gone after a reboot.
    package let runtime: String
    /// What people keep.
    package let state: String

    /// Chooses from who asks and what the environment says.
    ///
    /// `SALLYPORT_RUNTIME_DIR` and `SALLYPORT_STATE_DIR` are honoured for whoever already runs with these rights; no
    /// program is setuid and none ever will be.
    package static func resolve(asRoot: Bool, environment: (String) -> String?) throws(SystemError) -> OwnDirectories {
        let runtime: String
        let state: String
        if asRoot {
            runtime = environment("SALLYPORT_RUNTIME_DIR") ?? "/run/sallyport"
            state = environment("SALLYPORT_STATE_DIR") ?? "/var/lib/sallyport"
        } else {
            runtime =
                environment("SALLYPORT_RUNTIME_DIR") ?? environment("XDG_RUNTIME_DIR").map { $0 + "/sallyport" }
                ?? "/tmp/sallyport-\(getuid())"
            let home = environment("XDG_STATE_HOME") ?? environment("HOME").map { $0 + "/.local/state" }
            state = environment("SALLYPORT_STATE_DIR") ?? home.map { $0 + "/sallyport" } ?? runtime + "/state"
        }
        for path in [runtime, state] where !path.hasPrefix("/") {
            throw SystemError("use", "directory \"\(path)\"", .invalid, remedy: "Give an absolute path.")
        }
        return OwnDirectories(runtime: runtime, state: state)
    }
}
