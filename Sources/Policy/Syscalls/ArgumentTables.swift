// SPDX-License-Identifier: Apache-2.0

/// The calls of the `default` group that are allowed for some arguments only.
package enum ArgumentTables {
    package static let ordinary: [String: SyscallDecision] = [
        "clone": clone, "fcntl": fcntl, "ioctl": ioctl, "ioprio_set": ioprioSet, "memfd_create": memfdCreate,
        "mknod": mknod(modeIndex: 1), "mknodat": mknod(modeIndex: 2), "mmap": mmap, "personality": personality,
        "prctl": prctl, "seccomp": seccomp, "setsockopt": setsockopt, "socket": socket, "socketpair": socketpair,
        "sync": suppressed,
        "syncfs": suppressed,
    ]

    private static let enomem: Int32 = 12
    private static let einval: Int32 = 22
    private static let enoprotoopt: Int32 = 92
    private static let eafnosupport: Int32 = 97
    private static let eprotonosupport: Int32 = 93

    /// Any CLONE_NEW* flag makes a namespace (CVE-2022-0185 needed one). CLONE_NEWTIME (0x80) lies in the signal
    /// byte, where clone(2) cannot mean it.
    private static let clone = SyscallDecision(
        cases: [.init([masked(0, 0x7E02_0000, 0)], .allow)], otherwise: .notify)

    /// F_SETLEASE (0x400), which holds up for 45 seconds whoever opens the file for writing: in a read-only workspace that
    /// is the caller. No command has bits above the eleven that are compared. fcntl(2), "Leases"
    private static let fcntl = SyscallDecision(
        cases: [.init([masked(1, 0x7FF, 0x400)], .errno(einval))], otherwise: .allow)

    /// TIOCSTI types into the terminal of whoever looks at it (CVE-2017-5226), TIOCLINUX pastes the console's
    /// selection (CVE-2023-28100), TIOCSETD puts a line discipline of the kernel's choice of modules on a terminal of
    /// one's own (CVE-2023-6546). The kernel takes the low 32 bits; musl sign-extends them.
    private static let ioctl = SyscallDecision(
        cases: [UInt64(0x5412), 0x541C, 0x5423].map { .init([low(1, $0)], .notify) }, otherwise: .allow)

    /// IOPRIO_CLASS_RT starves every other reader of the disk; the class is bits 13 to 15.
    private static let ioprioSet = SyscallDecision(
        cases: [.init([masked(2, 0xE000, 0x2000)], .notify)], otherwise: .allow)

    /// MFD_HUGETLB and MAP_HUGETLB take pages that the host set aside for somebody, and no memory limit counts them.
    /// Answered as where there are none, which is what programs that ask for them expect. mmap(2), memfd_create(2)
    private static let memfdCreate = SyscallDecision(
        cases: [.init([masked(1, 0x4, 0x4)], .errno(einval))], otherwise: .allow)
    private static let mmap = SyscallDecision(
        cases: [.init([masked(3, 0x4_0000, 0x4_0000)], .errno(enomem))], otherwise: .allow)

    /// Device nodes: S_IFCHR and S_IFBLK within S_IFMT. Character device 0:0 is overlayfs's whiteout, which Linux
    /// lets anyone make since 5.8. Plain files, pipes and sockets are harmless.
    private static func mknod(modeIndex: Int) -> SyscallDecision {
        SyscallDecision(
            cases: [
                .init([masked(modeIndex, 0o170000, 0o020000)], .notify),
                .init([masked(modeIndex, 0o170000, 0o060000)], .notify),
            ],
            otherwise: .allow)
    }

    /// PER_LINUX, PER_LINUX32 and the query. Everything else turns off a hardening: ADDR_NO_RANDOMIZE,
    /// READ_IMPLIES_EXEC, MMAP_PAGE_ZERO, UNAME26.
    private static let personality = SyscallDecision(
        cases: [.init([low(0, 0)], .allow), .init([low(0, 8)], .allow), .init([low(0, 0xFFFF_FFFF)], .allow)],
        otherwise: .notify)

    /// A filter of one's own (SECCOMP_SET_MODE_FILTER) could only take away, but its compiled form counts against
    /// net.core.bpf_jit_limit, which the whole host shares: a dozen sandboxes full of filters kept every other one
    /// from starting. The answer is that of a kernel without filters. A listener (SECCOMP_FILTER_FLAG_NEW_LISTENER,
    /// bit 3) is refused on the record, since that is how a supervisor is imitated.
    private static let seccomp = SyscallDecision(
        cases: [.init([low(0, 1), masked(1, 0x8, 0x8)], .notify), .init([low(0, 1)], .errno(einval))],
        otherwise: .allow)

    /// PR_SET_SECCOMP with SECCOMP_MODE_FILTER: the older way to the same.
    private static let prctl = SyscallDecision(
        cases: [.init([low(0, 22), low(1, 2)], .errno(einval))], otherwise: .allow)

    /// SO_ATTACH_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_CBPF and _EBPF: compiled against the same limit, one for
    /// each socket. TCP_ULP puts kernel code between a program and its connection (CVE-2023-0461) and has no user here.
    private static let setsockopt = SyscallDecision(
        cases: [UInt64(26), 50, 51, 52].map { .init([low(1, 1), low(2, $0)], .errno(enoprotoopt)) }
            + [.init([low(1, 6), low(2, 31)], .errno(enoprotoopt))],
        otherwise: .allow)

    /// Writing back whole file systems is not a session's to ask for: `sync` means all of the host's, `syncfs` those that
    /// it shares. Answered as done; what a session leaves is read through the kernel, whether it is on the disk or not.
    private static let suppressed = SyscallDecision(otherwise: .errno(0))

    /// Local sockets, ROUTE netlink, TCP and UDP. The type is compared without SOCK_CLOEXEC and SOCK_NONBLOCK. Odd
    /// protocols and families answer what a kernel built without them would, which programs know how to take:
    /// AF_ALG (CVE-2026-31431), AF_VSOCK (reaches the hypervisor's host), AF_PACKET, raw, SCTP, MPTCP, audit, xfrm.
    private static let socket = SyscallDecision(
        cases: [
            .init([equal(0, 1)], .allow),
            .init([equal(0, 16), equal(2, 0)], .allow),
            .init([equal(0, 16)], .errno(eprotonosupport)),
        ]
            + [UInt64(2), 10].flatMap { family -> [SyscallDecision.Case] in
                [
                    .init([equal(0, family), masked(1, 0xFF, 1), equal(2, 0)], .allow),
                    .init([equal(0, family), masked(1, 0xFF, 1), equal(2, 6)], .allow),
                    .init([equal(0, family), masked(1, 0xFF, 2), equal(2, 0)], .allow),
                    .init([equal(0, family), masked(1, 0xFF, 2), equal(2, 17)], .allow),
                    .init([equal(0, family)], .errno(eprotonosupport)),
                ]
            },
        otherwise: .errno(eafnosupport))

    /// Only AF_UNIX has pairs that programs use; AF_TIPC has them too.
    private static let socketpair = SyscallDecision(
        cases: [.init([equal(0, 1)], .allow)], otherwise: .errno(eafnosupport))

    /// All 64 bits: right for an allowance, since a value with high bits set is then refused.
    private static func equal(_ index: Int, _ value: UInt64) -> ArgumentCondition {
        ArgumentCondition(index: index, op: .eq, value: value)
    }

    private static func low(_ index: Int, _ value: UInt64) -> ArgumentCondition {
        ArgumentCondition(index: index, op: .eq, value: value, width32: true)
    }

    private static func masked(_ index: Int, _ mask: UInt64, _ value: UInt64) -> ArgumentCondition {
        ArgumentCondition(index: index, op: .maskedEq(mask), value: value)
    }
}
