// SPDX-License-Identifier: Apache-2.0
internal import CChildPath
internal import CLinux
internal import Glibc
package import LinuxSystem

/// A started sandbox: what the supervisor holds of it.
///
/// It ends with its holder: however a supervisor's function is left, pid 1 and with it everything inside is gone
/// before ids or files are given back. A session without groups has no other end. pid_namespaces(7)
package struct Sandbox: ~Copyable {
    /// pid 1, as the host numbers it; a child of this process until it is waited for.
    package let pid: Int32
    package let pidfd: Descriptor
    /// sp-init's reports.
    package let status: Descriptor
    /// Refused calls, when the filter reports any.
    private var listener: Descriptor?
    /// The listener's number for waiting on it, or -1.
    package private(set) var listenerNumber: Int32 = -1
    /// Outer end of the session's terminal.
    package var terminal: Descriptor?
    /// The tmpfs that holds the workspace's changes; reading it needs no process inside.
    private var upper: Descriptor?
    /// Its number, or -1 when the workspace has no layer of changes.
    package private(set) var upperNumber: Int32 = -1
    /// The workspace that started empty, or -1 where a tree is shown.
    package private(set) var workspaceNumber: Int32 = -1
    /// Its sized file systems, to see at the end which are full.
    package private(set) var fileSystems: [(name: String, number: Int32)] = []
    /// The sockets of its network, when the specification has one: the caller's to take.
    package var network: NetworkSockets?
    private let held = DescriptorSet()
    /// The session's user namespace.
    package let userNamespace: Descriptor
    /// Held open by this process only: its end is this process's end.
    private let lifeLine: Descriptor

    /// Starts a sandbox and returns when sp-init has been executed.
    ///
    /// Must be called on a thread that lives as long as the session: its end is the child's death signal. Every signal
    /// must be blocked. `prepare` runs while the child waits, with the child's user namespace: it applies id maps to
    /// mounts that the plan is about to attach. `network` is given exactly when the specification says that it is made.
    ///
    /// - Throws: ``LaunchError`` naming the step; nothing of the sandbox is left then.
    package static func start(
        _ spec: SandboxSpec, maps: IdMaps, network: SessionNetwork?, initProgram: borrowing Descriptor, fault: String?,
        prepare: @escaping (Int32) throws(SystemError) -> Void
    ) throws(LaunchError) -> Sandbox {
        guard spec.networkIsMade == (network != nil) else {
            throw LaunchError(step: "prepare", subject: "the network namespace", errno: .invalid)
        }
        var sockets = try network?.sockets()
        let plumbing = try preparing { () throws(SystemError) in try Plumbing(initProgram, wantsFault: fault != nil) }
        var plan = SandboxPlan.build(spec, plumbing.wires)
        plan.owner = maps.owner
        if let fault, !plan.steps.contains(where: { $0.label == fault }) {
            throw LaunchError(
                step: "prepare", subject: fault, errno: .invalid,
                remedy: "No step and no fault point has this name; --dry-run lists the steps.")
        }
        let steps = plan.steps
        let block = plan.block(
            argv: PrivilegeSteps.initArguments(spec), environment: spec.environment, exec: plumbing.exec,
            report: plumbing.report, stop: plumbing.stop, stopLabel: fault)
        let launched = try run(block, plumbing, steps, network: network, fault: fault) { pid throws(SystemError) in
            let namespace = try maps.write(to: pid)
            try prepare(namespace.number)
            return namespace.release()
        }
        var sandbox = Sandbox(
            pid: launched.pid, pidfd: Descriptor(owning: launched.pidfd), status: plumbing.takeStatus(),
            userNamespace: Descriptor(owning: launched.namespace), lifeLine: plumbing.takeLifeLine())
        let messages = plumbing.takeMessages()
        do throws(SystemError) {
            if let plan = spec.network, network == nil { try sandbox.receiveSockets(messages, plan) }
            try sandbox.receiveDescriptors(messages)
        } catch {
            throw LaunchError(error, step: "descriptors.receive")
        }
        if let sockets = sockets.take() { sandbox.network = consume sockets }
        return sandbox
    }

    private init(
        pid: Int32, pidfd: consuming Descriptor, status: consuming Descriptor, userNamespace: consuming Descriptor,
        lifeLine: consuming Descriptor
    ) {
        self.pid = pid
        self.pidfd = pidfd
        self.status = status
        self.userNamespace = userNamespace
        self.lifeLine = lifeLine
        listener = nil
        terminal = nil
        upper = nil
        network = nil
    }

    deinit {
        let number = pidfd.number
        var code: Int32 = 0
        var status: Int32 = 0
        // ESRCH and ECHILD for one that was waited for already.
        _ = sp_pidfd_signal(number, SIGKILL, 0)
        while sp_wait_pidfd(number, &code, &status) == -Int(EINTR) {}
    }

    private static func preparing<R>(_ body: () throws(SystemError) -> R) throws(LaunchError) -> R {
        do throws(SystemError) { return try body() } catch { throw LaunchError(error, step: "prepare") }
    }

    struct Launched {
        let pid: Int32
        let pidfd: Int32
        /// -1 when nobody asked to be served.
        let namespace: Int32
    }

    /// Clones and waits until the child has executed or ended; a child that ended is reaped here.
    ///
    /// `serve` does what the child waits for, given its pid, and brings its user namespace's descriptor: a child cannot
    /// write a map of 65,536 ids for itself (EPERM). Nil for a child that asks for nothing. user_namespaces(7)
    static func run(
        _ block: borrowing LaunchBlock, _ plumbing: Plumbing, _ steps: [PlanStep], network: SessionNetwork? = nil,
        fault: String? = nil, serve: ((Int32) throws(SystemError) -> Int32)?
    ) throws(LaunchError) -> Launched {
        var pidfd: Int32 = -1
        var pid: Int32 = 0
        do throws(SystemError) {
            if let network {
                try network.entered { pid = block.launch(pidfd: &pidfd) }
            } else {
                pid = block.launch(pidfd: &pidfd)
            }
        } catch {
            plumbing.closeChildEnds()
            reap(pidfd)
            throw LaunchError(error, step: "network")
        }
        // The child has its own copies: from here on a pipe whose other end it held hangs up when it is gone.
        plumbing.closeChildEnds()
        guard pid >= 0 else { throw LaunchError(step: "clone", subject: nil, errno: Errno(-pid)) }
        if steps.has(fault, notAfter: "maps.wait") { obey(plumbing) }
        let mapped = plumbing.takeMapped()
        var namespace: Int32 = -1
        var unserved: SystemError?
        if let serve {
            do throws(SystemError) {
                namespace = try serve(pid)
                var byte: UInt8 = 1
                // A child that is gone has said why.
                _ = sp_write(mapped.number, &byte, 1)
            } catch { unserved = error }
        }
        _ = consume mapped
        if fault != nil { obey(plumbing) }
        var failure = sp_failure()
        // The end of file is the exec: the block and the child's stack are ours again.
        let reported = sp_read(plumbing.reportRead, &failure, MemoryLayout<sp_failure>.size)
        if reported == 0 && unserved == nil { return Launched(pid: pid, pidfd: pidfd, namespace: namespace) }
        reap(pidfd)
        if namespace >= 0 { _ = sp_close(namespace) }
        let position = reported == MemoryLayout<sp_failure>.size ? Int(failure.label) : 0
        let step = position >= 1 && position <= steps.count ? steps[position - 1] : nil
        // What the child says of its own failure comes first, unless it only missed what was not done for it.
        if let unserved, position == 0 || step?.label == "maps.wait" {
            throw LaunchError(unserved, step: "maps.write")
        }
        guard position > 0 else {
            throw LaunchError(
                step: "launch", subject: nil, errno: .io,
                remedy: "The child ended without saying why; see the kernel log.")
        }
        throw LaunchError(
            step: step?.label ?? "exec", subject: step?.path, errno: Errno(failure.error), position: position,
            total: steps.count + 1)
    }

    /// The fault point's kill: at the child's byte, this whole process dies as by kill -9.
    private static func obey(_ plumbing: Plumbing) {
        guard sp_poll_two(plumbing.stopParent, plumbing.reportRead) & 1 != 0 else { return }
        var byte: UInt8 = 0
        if sp_read(plumbing.stopParent, &byte, 1) == 1 { _ = sp_kill(getpid(), SIGKILL) }
    }

    private static func reap(_ pidfd: Int32) {
        guard pidfd >= 0 else { return }
        var code: Int32 = 0
        var status: Int32 = 0
        _ = sp_pidfd_signal(pidfd, SIGKILL, 0)
        while sp_wait_pidfd(pidfd, &code, &status) == -Int(EINTR) {}
        _ = sp_close(pidfd)
    }

    /// One message of the child: which slots, in order, and their descriptors, all of them the caller's.
    private static func slots(_ messages: borrowing Descriptor, _ what: String) throws(SystemError)
        -> [(slot: Int, number: Int32)]
    {
        let message = try messages.receive(limit: 8, room: Int(SP_SLOTS), subject: what)
        guard let message, message.bytes.count == 8 else { throw SystemError("receive", what, .io) }
        var mask: UInt64 = 0
        for (index, byte) in message.bytes.enumerated() { mask |= UInt64(byte) << (8 * UInt64(index)) }
        guard mask.nonzeroBitCount == message.descriptors.count else { throw SystemError("receive", what, .io) }
        let present = (0..<Int(SP_SLOTS)).filter { mask >> UInt64($0) & 1 == 1 }
        return zip(present, message.descriptors).map { ($0, $1) }
    }

    /// Sent before the child gave up its capabilities, so it comes first.
    private mutating func receiveSockets(_ messages: borrowing Descriptor, _ plan: NetworkPlan) throws(SystemError) {
        let slots = try Self.slots(messages, "the session's sockets")
        network = try NetworkSockets(plan) { wanted in slots.first { $0.slot == wanted }?.number }
    }

    private mutating func receiveDescriptors(_ messages: borrowing Descriptor) throws(SystemError) {
        for (slot, number) in try Self.slots(messages, "the child's descriptors") {
            let descriptor = Descriptor(owning: number)
            switch Slot(rawValue: UInt64(slot)) {
            case .listener:
                listenerNumber = descriptor.number
                listener = consume descriptor
            case .outerTerminal: terminal = consume descriptor
            case .upper:
                upperNumber = descriptor.number
                fileSystems.append(("workspace", descriptor.number))
                upper = consume descriptor
            case .tmp: fileSystems.append(("tmp", held.keep(descriptor)))
            case .shm: fileSystems.append(("shm", held.keep(descriptor)))
            case .workspace:
                workspaceNumber = held.keep(descriptor)
                fileSystems.append(("workspace", workspaceNumber))
            default: throw SystemError("receive", "an unexpected descriptor", .invalid)
            }
        }
    }

    /// The limits whose file system has no block or no inode left.
    package borrowing func fullFileSystems() -> [String] {
        var full: [String] = []
        for (name, number) in fileSystems {
            var type: UInt64 = 0
            var blocks: UInt64 = 0
            var inodes: UInt64 = 0
            guard sp_file_system(number, &type, &blocks, &inodes) >= 0 else { continue }
            if blocks == 0 { full.append(name == "workspace" ? "workspace_bytes" : name) }
            if inodes == 0 { full.append(name == "workspace" ? "workspace_inodes" : name) }
        }
        return full
    }
}
