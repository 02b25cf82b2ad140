// SPDX-License-Identifier: Apache-2.0
internal import CChildPath
internal import CLinux
internal import Policy

/// The part of a launch that gives up rights, from the final tree to the last instruction before sp-init.
enum PrivilegeSteps {
    // capabilities(7): what sp-init needs to become the agent's id and to empty its own bounding set.
    private static let setgid: UInt64 = 1 << 6
    private static let setuid: UInt64 = 1 << 7
    private static let setpcap: UInt64 = 1 << 8

    static func add(_ spec: SandboxSpec, _ wires: LaunchWires, _ plan: inout PlanBuilder) {
        plan.add(.keyring, "keyring.session")
        limits(spec, &plan)
        let ruleset = spec.landlock == .required
        if ruleset { LandlockSteps.addRules(spec, &plan) }
        // Only a host-mode sp-init has ids to change; otherwise nothing at all is kept.
        let kept = spec.mode == .host ? setgid | setuid | setpcap : 0
        plan.add(
            .bounding, "capabilities.bounding", a: kept,
            detail: kept == 0 ? "empty" : "setgid setuid setpcap, dropped by sp-init")
        if spec.mode == .rootless {
            plan.add(.securebits, "capabilities.securebits", a: 0xef, detail: "noroot, no fixup, no ambient, locked")
        }
        plan.add(.capabilities, "capabilities.sets", a: kept, b: 0)
        plan.add(.noNewPrivileges, "no_new_privs")
        if ruleset { plan.add(.landlockRestrict, "landlock.restrict", fd: LandlockSteps.slot.handle) }
        plan.add(.closeFrom, "descriptors.close_on_exec", a: 3)
        // After the last change of credentials, which would clear it. prctl(2)
        plan.add(.deathSignal, "death_signal", fd: .descriptor(wires.lifeLine))
        plan.add(.undumpable, "undumpable")
        plan.add(
            .seccomp, "seccomp", data: spec.filter.program, a: spec.filter.notifies ? 1 : 0, b: Slot.listener.rawValue,
            detail: "\(spec.filter.program.count / 8) instructions")
        send(spec, wires, &plan)
        descriptors(spec, wires, &plan)
    }

    private static func limits(_ spec: SandboxSpec, _ plan: inout PlanBuilder) {
        var values: [(Int32, String, UInt64)] = [
            // A crash must not hand memory to a host's core handler. core(5)
            (SP_RLIMIT_CORE, "core", 0), (SP_RLIMIT_MEMLOCK, "memlock", 64 << 10),
            (SP_RLIMIT_MSGQUEUE, "msgqueue", 819_200),
            (SP_RLIMIT_SIGPENDING, "sigpending", 4096), (SP_RLIMIT_NICE, "nice", 0), (SP_RLIMIT_RTPRIO, "rtprio", 0),
        ]
        if spec.limits.enforcement == .rlimit {
            values.append((SP_RLIMIT_AS, "as", spec.limits.memoryBytes))
            values.append((SP_RLIMIT_NPROC, "nproc", UInt64(spec.limits.pids)))
        }
        for (resource, name, value) in values {
            plan.add(.rlimit, "rlimit.\(name)", a: UInt64(resource), b: value, detail: "\(value)")
        }
    }

    private static func send(_ spec: SandboxSpec, _ wires: LaunchWires, _ plan: inout PlanBuilder) {
        var mask: UInt64 = 1 << Slot.tmp.rawValue | 1 << Slot.shm.rawValue
        if case .empty = spec.workspace { mask |= 1 << Slot.workspace.rawValue }
        if spec.filter.notifies { mask |= 1 << Slot.listener.rawValue }
        if spec.wantsTerminal { mask |= 1 << Slot.outerTerminal.rawValue }
        if case .overlay(_, _, upper: nil) = spec.workspace { mask |= 1 << Slot.upper.rawValue }
        plan.add(.send, "descriptors.send", fd: .descriptor(wires.messages), a: mask)
    }

    private static func descriptors(_ spec: SandboxSpec, _ wires: LaunchWires, _ plan: inout PlanBuilder) {
        for (number, fd) in spec.standard.enumerated() {
            let from = fd.map { Handle.descriptor($0) } ?? Slot.innerTerminal.handle
            plan.add(.dup, "descriptors.\(number)", fd: from, a: UInt64(number))
        }
        if let fd = spec.export { plan.add(.dup, "descriptors.export", fd: .descriptor(fd), a: 3) }
        if let fd = spec.frames { plan.add(.dup, "descriptors.frames", fd: .descriptor(fd), a: 4) }
        plan.add(.dup, "descriptors.status", fd: .descriptor(wires.status), a: UInt64(SP_INIT_STATUS_FD))
    }

    /// argv of sp-init: flags and ids, then the workload's own.
    static func initArguments(_ spec: SandboxSpec) -> [[UInt8]] {
        var flags = 0
        if spec.mode == .host { flags |= Int(SP_INIT_SET_IDS.rawValue) }
        if spec.wantsTerminal { flags |= Int(SP_INIT_TERMINAL.rawValue) }
        if spec.export != nil { flags |= Int(SP_INIT_KEEP_3.rawValue) }
        if spec.frames != nil { flags |= Int(SP_INIT_KEEP_4.rawValue) }
        let numbers = "\(flags) \(SandboxSpec.agent) \(SandboxSpec.agent)"
        return [Array("sp-init".utf8), Array(numbers.utf8)] + spec.argv
    }
}
