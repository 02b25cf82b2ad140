// SPDX-License-Identifier: Apache-2.0
package import Documents
package import Isolation
internal import LinuxSystem
internal import Policy

/// A launch plan as people read it; `--dry-run` prints it and every record names its digest.
package struct PlanDocument: Sendable {
    package let json: JSON
    package let digest: String

    package init(_ spec: SandboxSpec) {
        let plan = SandboxPlan.build(spec, LaunchWires())
        json = .object([
            .init("version", 1), .init("mode", .string(spec.mode.rawValue)),
            .init("argv", .array(spec.argv.map { .text($0) })),
            .init("environment", .array(spec.environment.map { .text($0.prefix { $0 != 61 }) })),
            .init(
                "filter",
                .object([
                    .init("specification", .string(spec.filter.specificationDigest)),
                    .init("bytes", .int(spec.filter.program.count)),
                ])),
            .init("network", .array(SandboxPlan.networkSteps(spec).map(Self.json))),
            .init("steps", .array(plan.steps.map(Self.json))),
            .init("open_files", .number(spec.limits.openFiles)),
        ])
        digest = Digest.sha256(Array(json.prettyText.utf8))
    }

    private static func json(_ step: PlanStep) -> JSON {
        .object([
            .init("step", .string(step.label)), .init("operation", .string(step.operation.name)),
            .init("path", .optional(step.path)),
            .init("detail", step.detail.isEmpty ? .null : .string(step.detail)),
        ])
    }
}
