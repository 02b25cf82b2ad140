// SPDX-License-Identifier: Apache-2.0
internal import CChildPath

/// A step's operand: a descriptor of the parent, or one that an earlier step of the child made.
package enum Handle: Sendable, Equatable {
    case descriptor(Int32)
    case slot(Int32)

    var number: Int32 {
        switch self {
        case .descriptor(let fd): fd
        case .slot(let k): Int32(SP_SLOT_BASE) - k
        }
    }
}

/// The operations of the child path; each is one case of `enum sp_op`, described there.
package enum Operation: UInt16, Sendable {
    case write = 1
    case unshare, waitByte, ids, loopbackUp, hostname, privateMounts, filesystem, attach, attachAt, cloneTree,
        chdirFd, make, open, readOnly, mask, pivot, chdir, keyring, rlimit, landlockCreate, landlockAllow,
        landlockRestrict, bounding, capabilities, securebits, noNewPrivileges, seccomp, pty, send, dup, deathSignal,
        undumpable, setns, closeFrom, setsid, umask, close, exit, netlink, socket, socketOption, socketFilter, bind,
        listen

    /// The name by which the printed plan knows it: the C table's, since asking Swift for a case's name takes a
    /// reflection each time.
    package var name: String { sp_op_name(rawValue).map { String(cString: $0) } ?? "operation \(rawValue)" }
}

/// One line of a launch plan, as people read it and as errors name it.
package struct PlanStep: Sendable {
    /// The name by which errors and fault points know the step.
    package let label: String
    package let operation: Operation
    package let path: String?
    /// Numbers and sizes that the step carries, for the printed plan.
    package let detail: String
}

extension [PlanStep] {
    /// Whether one step comes before another; false when either is missing.
    func has(_ label: String?, notAfter other: String) -> Bool {
        let first = position(of: label)
        return first > 0 && first <= position(of: other)
    }

    /// Where a label stands, from 1, as the child reports it; 0 for one that is not there.
    func position(of label: String?) -> Int { firstIndex { $0.label == label }.map { $0 + 1 } ?? 0 }
}

/// Collects the steps of a launch and lays them out as the flat block that the child walks.
///
/// The block holds no pointer; offsets into its tail name every string. The builder keeps the readable form beside it,
/// so that the printed plan and the executed plan are one list.
package struct PlanBuilder: Sendable {
    package private(set) var steps: [PlanStep] = []
    private var flat: [sp_step] = []
    private var blob: [UInt8] = []
    package var cloneFlags: UInt64 = 0
    /// To whom the child's user namespace belongs; 0 is the caller.
    var owner: UInt32 = 0
    package var cgroup: Int32 = -1

    package init() {
        // A filter and what goes with it, without being moved as it grows.
        blob.reserveCapacity(32 << 10)
        flat.reserveCapacity(128)
        steps.reserveCapacity(128)
    }

    private mutating func store(_ bytes: [UInt8], aligned: Int = 1) -> UInt32 {
        while blob.count % aligned != 0 { blob.append(0) }
        let at = UInt32(blob.count)
        blob.append(contentsOf: bytes)
        return at
    }

    private mutating func store(string: String) -> UInt32 { store(Array(string.utf8) + [0]) }

    /// Appends one step; operands mean what `enum sp_op` says for the operation.
    package mutating func add(
        _ operation: Operation, _ label: String, fd: Handle = .descriptor(-1), fd2: Handle = .descriptor(-1),
        path: String? = nil, data: [UInt8]? = nil, a: UInt64 = 0, b: UInt64 = 0, detail: String = ""
    ) {
        let step = sp_step(
            op: operation.rawValue, label: UInt16(steps.count + 1), fd: fd.number, fd2: fd2.number,
            path: path.map { store(string: $0) } ?? SP_NONE, data: data.map { store($0, aligned: 8) } ?? SP_NONE,
            len: UInt32(data?.count ?? 0), a: a, b: b)
        flat.append(step)
        steps.append(PlanStep(label: label, operation: operation, path: path, detail: detail))
    }

    /// Makes a file system and puts its detached mount into a slot.
    package mutating func filesystem(
        _ type: String, _ label: String, options: [String], attributes: UInt64, slot: UInt64
    ) {
        // The step's path field carries the options, each ended by NUL, the list by another.
        var list: [UInt8] = []
        for option in options { list += Array(option.utf8) + [0] }
        list.append(0)
        let step = sp_step(
            op: Operation.filesystem.rawValue, label: UInt16(steps.count + 1), fd: -1, fd2: -1, path: store(list),
            data: store(string: type), len: UInt32(type.utf8.count), a: attributes, b: slot)
        flat.append(step)
        steps.append(
            PlanStep(label: label, operation: .filesystem, path: nil, detail: options.reduce(type) { $0 + " " + $1 })
        )
    }

    /// Lays out the block. `argv` and `environment` must hold no NUL, which ``LaunchError`` checks earlier.
    package consuming func block(
        argv: [[UInt8]], environment: [[UInt8]], exec: Int32, report: Int32, stop: Int32, stopLabel: String?
    ) -> LaunchBlock {
        let stopIndex = UInt16(steps.position(of: stopLabel))
        func vector(_ strings: [[UInt8]], _ builder: inout PlanBuilder) -> UInt32 {
            let offsets = strings.map { UInt64(builder.store($0 + [0])) } + [UInt64(SP_NONE)]
            var bytes: [UInt8] = []
            for offset in offsets {
                for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: offset >> (8 * UInt64(shift)))) }
            }
            return builder.store(bytes, aligned: 8)
        }
        let argvAt = vector(argv, &self)
        let envAt = vector(environment, &self)
        let header = sp_plan(
            clone_flags: cloneFlags, cgroup_fd: cgroup, exec_fd: exec, report_fd: report,
            step_count: UInt32(flat.count), argv: argvAt, envp: envAt, blob_size: UInt32(blob.count), owner: owner,
            stop_fd: stop,
            exec_label: UInt16(flat.count + 1), stop_label: stopIndex)
        return LaunchBlock(header: header, steps: flat, blob: blob)
    }
}

/// The flat block itself, in memory that nothing of Swift moves or frees while the child walks it.
package struct LaunchBlock: ~Copyable, @unchecked Sendable {
    // Sendable: written once here, then the child's alone until its owner has seen it execute or end.
    private let memory: UnsafeMutableRawPointer

    init(header: sp_plan, steps: [sp_step], blob: [UInt8]) {
        let headerSize = MemoryLayout<sp_plan>.stride
        let stepSize = MemoryLayout<sp_step>.stride * steps.count
        memory = .allocate(byteCount: headerSize + stepSize + blob.count + 8, alignment: 16)
        memory.storeBytes(of: header, as: sp_plan.self)
        steps.withUnsafeBytes {
            if let p = $0.baseAddress { (memory + headerSize).copyMemory(from: p, byteCount: stepSize) }
        }
        blob.withUnsafeBytes {
            if let p = $0.baseAddress { (memory + headerSize + stepSize).copyMemory(from: p, byteCount: blob.count) }
        }
    }

    deinit { memory.deallocate() }

    borrowing func launch(pidfd: UnsafeMutablePointer<Int32>) -> Int32 {
        sp_launch(memory.assumingMemoryBound(to: sp_plan.self), pidfd)
    }

    /// Walks the steps in the calling thread: the descriptors they made, by slot, which are the caller's, and the
    /// step that failed.
    borrowing func walkHere() -> (slots: [Int32], failure: sp_failure?) {
        var slots = [Int32](repeating: -1, count: Int(SP_SLOTS))
        var failure = sp_failure()
        let result = slots.withUnsafeMutableBufferPointer { buffer -> Int32 in
            guard let first = buffer.baseAddress else { return -1 }
            return sp_walk_here(memory.assumingMemoryBound(to: sp_plan.self), first, &failure)
        }
        return (slots, result < 0 ? failure : nil)
    }
}
