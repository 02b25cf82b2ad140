// SPDX-License-Identifier: Apache-2.0
import OrchestratorTesting
import Testing

/// The strategy that the other tests trust, held against the same suite as the real one.
@Suite("scripted compute")
struct ScriptedComputeTests {
    @Test("does all that a strategy has to do")
    func conformance() throws { try ComputeConformance(ScriptedWorld()).all() }
}
