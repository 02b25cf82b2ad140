// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import LinuxSystem
internal import Policy

/// File rights as Landlock holds them, beneath directories of the final tree. landlock(7)
enum LandlockSteps {
    static let slot = Slot.pts  // free again once devpts is attached

    static func addRules(_ spec: SandboxSpec, _ plan: inout PlanBuilder) {
        let all = Landlock.handled(spec.landlockABI)
        // struct landlock_ruleset_attr grew: file rights, network rights (ABI 4), scopes (ABI 6).
        var words = [all]
        if spec.landlockABI >= 4 { words.append(0) }
        if spec.landlockABI >= 6 { words.append(0b11) }  // abstract unix sockets, signals
        var attribute: [UInt8] = []
        for word in words {
            for shift in 0..<8 { attribute.append(UInt8(truncatingIfNeeded: word >> (8 * UInt64(shift)))) }
        }
        plan.add(
            .landlockCreate, "landlock.ruleset", data: attribute, b: slot.rawValue, detail: "ABI \(spec.landlockABI)")

        let read = (Landlock.read | Landlock.execute) & all
        let write = all & ~Landlock.makeDevices
        allow("/", read, &plan)
        let rewrite = (Landlock.read | Landlock.writeFile | Landlock.truncate) & all
        allow("/dev", rewrite | Landlock.deviceControl & all, &plan)
        allow("/proc", rewrite, &plan)
        allow("/dev/shm", write, &plan)
        var writable = spec.filesystem.writable.map { $0.text }
        if case .readOnly = spec.workspace { writable.removeAll { $0 == "/workspace" } }
        for path in writable { allow(path, write, &plan) }
    }

    private static func allow(_ path: String, _ rights: UInt64, _ plan: inout PlanBuilder) {
        plan.add(
            .landlockAllow, "landlock.allow", fd: slot.handle, path: path, a: rights,
            detail: "0x\(String(rights, radix: 16))")
    }
}
