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
            .init("network", .array(SandboxPlan.networkSteps(spec).map { Self.json($0, spec) })),
            .init("steps", .array(plan.steps.map { Self.json($0, spec) })),
            .init("open_files", .number(spec.limits.openFiles)),
        ])
        digest = Digest.sha256(Array(json.prettyText.utf8))
    }

    private static func json(_ step: PlanStep, _ spec: SandboxSpec) -> JSON {
        let detail = step.operation == .filesystem ? ours(step.detail, spec) : step.detail
        return .object([
            .init("step", .string(step.label)), .init("operation", .string(step.operation.name)),
            .init("path", .optional(step.path.map { place($0, of: step, spec) })),
            .init("detail", detail.isEmpty ? .null : .string(detail)),
        ])
    }

    /// A path of the host as it counts: the same sandbox has the same plan wherever our own directories lie, and
    /// wherever the caller keeps what is shown inside, and whatever the root file system is called there.
    private static func place(_ path: String, of step: PlanStep, _ spec: SandboxSpec) -> String {
        switch step.operation {
        case .attachAt: return ours(path, spec)
        case .cloneTree:
            var given = spec.mounts
            switch spec.workspace {
            case .empty: break
            case .readOnly(let tree): given.append(tree)
            case .overlay(let tree, _, let upper): given += [tree] + (upper.map { [$0] } ?? [])
            }
            if let system = spec.systemTrees.first(where: { $0.source == path }) { return "system:\(system.target)" }
            return given.first { $0.source == path }.map { "given:\($0.target)" } ?? ours(path, spec)
        default: return path
        }
    }

    private static func ours(_ text: String, _ spec: SandboxSpec) -> String {
        let runtime = Array((spec.runtime + "/").utf8)
        var result: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.first {
            if rest.starts(with: runtime) {
                result += Array("runtime:".utf8)
                rest = rest.dropFirst(runtime.count - 1)
            } else {
                result.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
