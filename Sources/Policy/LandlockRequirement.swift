// SPDX-License-Identifier: Apache-2.0

/// Whether a session may start on a host whose kernel offers no Landlock.
///
/// Written `landlock: required`, or `landlock: waived` with a `landlock_reason` beside it.
package enum LandlockRequirement: Sendable, Hashable {
    case required
    /// Runs without where it is absent; the reason goes into the session's record.
    case waived(reason: String)
}
