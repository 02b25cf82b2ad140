// SPDX-License-Identifier: Apache-2.0

/// Why the store could not do something.
package struct StoreError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Code: Sendable, Hashable, CaseIterable {
        /// Another process holds the database.
        case locked
        /// The disk, or the size that the store may have, is used up.
        case full
        case readOnly
        case corrupted
        /// Written by a later version of this program.
        case newerSchema
        /// No store of ours.
        case foreign
        case io
        /// It took longer than it may.
        case late
        /// The task is no longer what the change was made from.
        case conflict
        /// No slot is free for this owner, or at all.
        case noSlot
        /// A budget has no room for what is to be reserved.
        case noBudget
        /// A change that the rules of the store refuse: a transition without a row, a gap in the events.
        case refused
        case missing
    }

    package let code: Code
    package let description: String

    package init(_ code: Code, _ operation: String, _ subject: String, _ reason: String, remedy: String) {
        self.code = code
        description = "cannot \(operation) \(subject): \(reason). \(remedy)"
    }

    /// The same may succeed later without a change of what is asked.
    package var isTransient: Bool {
        switch code {
        case .locked, .full, .io, .late, .readOnly: true
        case .corrupted, .newerSchema, .foreign, .conflict, .noSlot, .noBudget, .refused, .missing: false
        }
    }
}
