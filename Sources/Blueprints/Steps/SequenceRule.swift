// SPDX-License-Identifier: Apache-2.0

/// What must hold of the order of a task's steps, by the names that messages have for it.
///
/// Checked when a blueprint is read and again when a task begins: what a store gives back is no more to be believed than
/// what somebody wrote.
package enum SequenceRule: String, Sendable, CaseIterable {
    /// Each required step stands there once.
    case required = "S1"
    case admissionFirst = "S2"
    case finalizeLast = "S3"
    case startBeforeAwait = "S4"
    /// Pre-flight comes before the session; where it is missing it is put right behind admission.
    case preFlightBeforeStart = "S5"
    /// Warning: no context is put together.
    case hydrationAbsent = "S6"
    case customInside = "S7"
    case knownNames = "S8"
    case uniqueNames = "S9"
    /// Warning: a step stands where its phase does not say, and the place wins.
    case phaseContradicts = "S10"
    /// Not an error: a step between start and await runs beside the session, which is reaped when it fails.
    case besideSession = "S11"
    case hydrationBeforeStart = "S12"
    /// Warning: a declared step that no sequence names never runs.
    case neverRuns = "S13"
    /// Without a sequence: pre-agent steps behind hydration, post-agent ones behind await, as declared.
    case usualOrder = "S14"

    /// The reason that a task fails with, and what a refused blueprint says.
    package static let code = "INVALID_STEP_SEQUENCE"

    /// Those that do not keep a blueprint from being taken.
    package var isWarning: Bool {
        switch self {
        case .hydrationAbsent, .phaseContradicts, .neverRuns: true
        case .required, .admissionFirst, .finalizeLast, .startBeforeAwait, .preFlightBeforeStart, .customInside,
            .knownNames, .uniqueNames, .besideSession, .hydrationBeforeStart, .usualOrder:
            false
        }
    }
}
