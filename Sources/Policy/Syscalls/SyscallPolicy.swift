// SPDX-License-Identifier: Apache-2.0

/// Which system calls a profile allows. No group means no call at all.
package struct SyscallPolicy: Sendable, Hashable {
    package var allowGroups: [SyscallGroup]
    /// Names refused although a group allows them.
    package var deny: [String]

    package init(allowGroups: [SyscallGroup], deny: [String] = []) {
        self.allowGroups = allowGroups
        self.deny = deny
    }

    /// The filter that holds this policy.
    package var filter: FilterSpecification { FilterSpecification(self) }
}
