// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import CSeccomp
internal import Glibc
package import LinuxSystem
package import Policy

/// A seccomp program as the kernel loads it.
package struct CompiledFilter: Sendable, Equatable {
    /// `struct sock_filter[]`, native byte order.
    package let program: [UInt8]
    /// Whether some call is answered by a user notification, so that a listener must be kept.
    package let notifies: Bool
    /// SHA-256 of the specification's canonical text.
    package let specificationDigest: String
}

/// Turns a filter specification into BPF with libseccomp, the reference generator.
///
/// Compiling takes about 3 ms and is done once per specification; see ``FilterCache``. The hot path only loads.
package enum FilterCompiler {
    /// A filter for a program of our own: the named calls, a few answered with an error, ioctl by request.
    ///
    /// - Parameter otherwise: The error number of any other call; nil ends the program.
    package static func compile(
        program name: String, allowed: [String], answered: [(name: String, errno: Int32)] = [],
        ioctlRequests: [UInt64] = [], otherwise: Int32? = nil
    ) throws(SystemError) -> CompiledFilter {
        guard let context = seccomp_init(otherwise.map { word(.errno($0)) } ?? killProcess) else {
            throw SystemError("compile", "the filter of \(name)", .invalid)
        }
        defer { seccomp_release(context) }
        try require(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, killProcess), "refuse foreign architectures")
        for call in allowed where !answered.contains(where: { $0.name == call }) && call != "ioctl" {
            let number = seccomp_syscall_resolve_name(call)
            if number >= 0 { try add(SyscallRule(name: call, action: .allow), number, to: context) }
        }
        for (call, errno) in answered {
            try add(SyscallRule(name: call, action: .errno(errno)), seccomp_syscall_resolve_name(call), to: context)
        }
        for request in ioctlRequests {
            let condition = ArgumentCondition(index: 1, op: .eq, value: request, width32: true)
            try add(
                SyscallRule(name: "ioctl", action: .allow, conditions: [condition]),
                seccomp_syscall_resolve_name("ioctl"),
                to: context)
        }
        let fallback = otherwise.map { ["otherwise=\($0)"] } ?? []
        let text = (allowed + answered.map { "\($0.name)=\($0.errno)" } + ioctlRequests.map { String($0) } + fallback)
            .joined(separator: " ")
        return CompiledFilter(
            program: try export(context), notifies: false, specificationDigest: Digest.sha256(Array(text.utf8)))
    }

    package static func compile(_ specification: FilterSpecification) throws(SystemError) -> CompiledFilter {
        let fallback = word(specification.defaultAction)
        guard let context = seccomp_init(fallback) else {
            throw SystemError(
                "compile", "the seccomp filter", .invalid, remedy: "libseccomp refused the default action.")
        }
        defer { seccomp_release(context) }
        // A call of another architecture is answered before any rule is looked at: i386's socketcall and x32's
        // numbers would pass the argument checks below. seccomp_attr_set(3), CVE-2026-31431
        try require(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, killProcess), "refuse foreign architectures")
        // Balanced tree: a third of the load time of a linear program. reference figures in docs/decisions
        try require(seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2), "choose a balanced tree")
        var notifies = false
        for rule in specification.rules {
            // Our own table: the system's libseccomp may be older than the newest calls. A name without a number on
            // this architecture cannot be called; refused is what the default already does.
            guard let number = SyscallTable.number(of: rule.name).map({ Int32($0) }) else { continue }
            if rule.action == .notify { notifies = true }
            try add(rule, number, to: context)
        }
        return CompiledFilter(
            program: try export(context), notifies: notifies,
            specificationDigest: Digest.sha256(Array(specification.identity.utf8)))
    }

    // Function-like macros of seccomp.h, which Swift does not import. seccomp_rule_add(3)
    private static let killProcess: UInt32 = 0x8000_0000
    private static let allow: UInt32 = 0x7fff_0000
    private static let notify: UInt32 = 0x7fc0_0000
    private static let errnoBase: UInt32 = 0x0005_0000

    private static func word(_ action: SyscallAction) -> UInt32 {
        switch action {
        case .allow: allow
        case .notify: notify
        case .errno(let code): errnoBase | UInt32(code) & 0xffff
        }
    }

    private static func add(
        _ rule: SyscallRule, _ number: Int32, to context: scmp_filter_ctx
    ) throws(SystemError) {
        let comparisons = rule.conditions.map { condition in
            let width: UInt64 = condition.width32 ? 0xffff_ffff : UInt64.max
            let (op, a, b): (scmp_compare, UInt64, UInt64) =
                switch condition.op {
                // An int argument is compared by its low half: the kernel ignores the rest. CVE-2019-7303
                case .eq where condition.width32: (SCMP_CMP_MASKED_EQ, width, condition.value)
                case .eq: (SCMP_CMP_EQ, condition.value, 0)
                case .ne: (SCMP_CMP_NE, condition.value, 0)
                case .gt: (SCMP_CMP_GT, condition.value, 0)
                case .maskedEq(let mask): (SCMP_CMP_MASKED_EQ, mask & width, condition.value)
                }
            return scmp_arg_cmp(arg: UInt32(condition.index), op: op, datum_a: a, datum_b: b)
        }
        let result = comparisons.withUnsafeBufferPointer {
            seccomp_rule_add_array(context, word(rule.action), number, UInt32($0.count), $0.baseAddress)
        }
        try require(result, "add the rule for \"\(rule.name)\"")
    }

    private static func export(_ context: scmp_filter_ctx) throws(SystemError) -> [UInt8] {
        let file = Descriptor(owning: Int32(try checked("create", "a memory file") { sp_memfd("filter") }))
        try require(seccomp_export_bpf(context, file.number), "export the program")
        try checked("rewind", "a memory file") { Int(lseek(file.number, 0, SEEK_SET)) }
        return try file.readAll(limit: 8 * 32768, subject: "the compiled filter")
    }

    private static func require(_ result: Int32, _ what: String) throws(SystemError) {
        if result < 0 {
            throw SystemError("compile", "the seccomp filter", Errno(-result), remedy: "libseccomp could not \(what).")
        }
    }
}
