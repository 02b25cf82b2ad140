// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Policy

/// File rights as Landlock holds them, beneath directories of the final tree. landlock(7)
enum LandlockSteps {
    static let slot = Slot.pts  // free again once devpts is attached

    private static let execute: UInt64 = 1 << 0
    private static let writeFile: UInt64 = 1 << 1
    private static let readFile: UInt64 = 1 << 2
    private static let readDirectory: UInt64 = 1 << 3
    private static let makeCharacter: UInt64 = 1 << 6
    private static let makeBlock: UInt64 = 1 << 11
    private static let refer: UInt64 = 1 << 13  // ABI 2
    private static let truncate: UInt64 = 1 << 14  // ABI 3
    private static let deviceControl: UInt64 = 1 << 15  // ABI 5
    private static let firstABI: UInt64 = (1 << 13) - 1

    private static func handled(_ abi: Int) -> UInt64 {
        var rights = firstABI
        if abi >= 2 { rights |= refer }
        if abi >= 3 { rights |= truncate }
        if abi >= 5 { rights |= deviceControl }
        return rights
    }

    static func addRules(_ spec: SandboxSpec, _ plan: inout PlanBuilder) {
        let all = handled(spec.landlockABI)
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

        let read = (execute | readFile | readDirectory) & all
        let write = all & ~(makeCharacter | makeBlock)
        allow("/", read, &plan)
        allow("/dev", (readFile | readDirectory | writeFile | truncate | deviceControl) & all, &plan)
        allow("/proc", (readFile | readDirectory | writeFile | truncate) & all, &plan)
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
