// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Whether a network namespace that is made now will have IPv6 on its interfaces, as kernel files tell.
///
/// The host's own `disable_ipv6` settings say nothing about it: a new namespace starts with the defaults of the module,
/// whatever net.core.devconf_inherit_init_net is (addrconf_init_net in net/ipv6/addrconf.c).
package enum IPv6Availability: Sendable, Equatable {
    case on
    /// The reason in words, for the record.
    case off(String)

    package static func ofNewNamespaces(root: String = "") throws(SystemError) -> IPv6Availability {
        do throws(SystemError) { _ = try procBytes(root + "/proc/net/if_inet6") } catch {
            if error.errno == .noEntry { return .off("the kernel has no IPv6, or was started with ipv6.disable=1") }
            throw error
        }
        let parameter = root + "/sys/module/ipv6/parameters/disable_ipv6"
        do throws(SystemError) {
            if try procBytes(parameter).first != UInt8(ascii: "0") {
                return .off("the kernel was started with ipv6.disable_ipv6=1")
            }
        } catch {
            // Without /sys there is no such parameter to be seen; one that was given would be.
            if error.errno != .noEntry { throw error }
        }
        return .on
    }
}
