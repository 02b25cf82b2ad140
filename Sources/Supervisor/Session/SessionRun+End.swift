// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy

/// How a session ends: what it came to, what it leaves, and what it gives back.
extension SessionRun {
    func endNow(_ sandbox: borrowing Sandbox) {
        _ = sp_pidfd_signal(sandbox.pidfd.number, SIGKILL, 0)
        // On v1 a frozen task does not die before it is thawed. Where that fails its whole group is ended.
        do throws(SystemError) { try freezer?.end() } catch { endGroup() }
        var code: Int32 = 0
        var status: Int32 = 0
        while sp_wait_pidfd(sandbox.pidfd.number, &code, &status) == -Int(EINTR) {}
    }

    private func endGroup() {
        do throws(SystemError) { try cgroup?.kill(deadline: 10_000) } catch {
            // finish() tries again, and has it in the record; the wait for its first process goes on.
        }
    }

    func reap(_ sandbox: borrowing Sandbox) throws(SystemError) {
        var code: Int32 = 0
        var status: Int32 = 0
        let fd = sandbox.pidfd.number
        try checked("wait for", "the sandbox") { sp_wait_pidfd(fd, &code, &status) }
    }

    func conclude(_ watch: Watch, _ result: inout SessionResult) throws(SystemError) {
        let counts = try cgroup?.counts() ?? CgroupCounts()
        result.memoryPeakBytes = counts.memoryPeakBytes
        // v1 tells of it before its killer acts: where our own kill was faster, its counter stays at zero.
        let ranOut = counts.oomKills > 0 || watch.cause == .memory
        if ranOut { result.limitsHit.append("memory") }
        if counts.pidsRefused > 0 { result.limitsHit.append("pids") }
        if counts.cpuThrottled > 0 { result.limitsHit.append("cpu") }
        result.denials = watch.refusals.counts.sorted { $0.key < $1.key }.map { (SyscallNames.name($0.key), $0.value) }
        if let error = watch.execError {
            result.outcome = .setupFailed
            result.exitCode = error == ENOENT ? 127 : 126
            let name = Self.shortened(request.argv.first ?? [])
            result.error =
                error == ENOENT
                ? "cannot run \"\(name)\": not found inside the sandbox (ENOENT). Look for it in PATH of the profile's rootfs."
                : "cannot run \"\(name)\": \(Errno(error).explanation) (\(Errno(error)))."
            return
        }
        if let error = watch.initError { throw SystemError("set up", "the workload in sp-init", Errno(error)) }
        if let status = watch.waitStatus {
            if sp_exited(status) != 0 {
                result.exitCode = sp_exit_code(status)
            } else {
                result.signal = sp_term_signal(status)
            }
        } else {
            result.signal = SIGKILL
        }
        result.outcome = result.exitCode != nil ? .exited : .signalled
        switch watch.cause {
        case .deadline:
            result.outcome = .timedOut
            result.limit = "wall"
            result.limitsHit.append("wall")
        case .requested(let signal):
            if watch.killedByUs {
                result.outcome = .killed
            } else if result.signal == signal {
                result.outcome = .killed
            }
        case .gateway:
            result.outcome = .killed
            result.signal = nil
            result.exitCode = 125
        case .memory, .none:
            if ranOut && (result.signal == SIGKILL || watch.cause == .memory) {
                result.outcome = .oom
                result.limit = "memory"
                result.exitCode = nil
                result.signal = SIGKILL
            }
        }
    }

    /// Reads the workspace's upper layer into a sealed set, now that nothing can change it any more.
    func keepChanges(
        _ sandbox: borrowing Sandbox, _ spec: SandboxSpec, _ directory: borrowing SessionDirectory,
        _ result: inout SessionResult
    ) throws(SystemError) {
        guard request.disposition != .discard else { return }
        let namespace = sandbox.userNamespace.number
        let left: KeptChanges.Left
        switch spec.workspace {
        case .readOnly: return
        case .empty:
            // Nobody's tree was shown, so nobody waits for its changes unless they said so.
            guard request.keepsAll else { return }
            left = .init(upper: sandbox.workspaceNumber, lower: nil, namespace: namespace)
        case .overlay(let lower, _, _):
            left = .init(
                upper: pool?.directory.fd.number ?? sandbox.upperNumber,
                lower: (lower.source, max(lower.descriptor, lower.opened)), namespace: namespace)
        }
        let kept = try KeptChanges(paths).collect(
            session: directory.id, created: result.startedMilliseconds, left, profile: request.profile, mode: mode,
            evenUnchanged: request.keepsAll, fault: fault)
        result.keptEntries = kept?.entries ?? 0
        result.keptDigest = kept?.digest
        result.leftOutEntries = kept?.leftOut ?? 0
    }

    /// Gives back everything the session held; what cannot be given back is said, and left to sweep.
    func finish(_ directory: borrowing SessionDirectory, _ result: inout SessionResult) {
        func note(_ error: SystemError) { result.layers?.notes.append("left for sweep: \(error)") }
        var empty = true
        // A start that failed before it came to them.
        if let made = groups?.settle() { cgroup = consume made }
        if let made = brokerGroups?.settle() { brokerCgroup = consume made }
        // As a rule nobody is left, and the kernel says so by removing them.
        if cgroup?.removeIfEmpty() ?? false { cgroup = nil }
        do throws(SystemError) { try cgroup?.kill(deadline: 10_000) } catch {
            empty = false
            note(error)
        }
        do throws(SystemError) { try pool?.remove() } catch {
            empty = false
            note(error)
        }
        if let gateway {
            gateway.finish()
            result.add(
                gateway, terminal: streams?.standard.contains { $0 == nil } ?? false, frames: request.frames != nil)
        }
        do throws(SystemError) { try cgroup?.remove(deadline: 5000) } catch { note(error) }
        fault.reach("cgroup.removed")
        if let egress {
            egress.finish()
            result.egress?.add(egress)
            result.egress?.opened = (hosts?.opened ?? []).map { .init($0) }
            if result.egress?.capped ?? 0 > 0 { result.limitsHit.append(LimitKey.egressBytes.rawValue) }
        }
        if let git {
            git.finish()
            result.git?.add(git)
        }
        if let model {
            model.finish()
            result.model?.add(model)
        }
        if let forge {
            forge.finish()
            result.forge?.add(forge)
        }
        if let packages {
            packages.finish()
            result.packages?.add(packages)
        }
        if control != nil {
            control = nil
            do throws(SystemError) { try directory.directory.remove(ControlSocket.name) } catch { note(error) }
        }
        // It has the block's last id: whoever gets the block next must never meet it while it can still act.
        egress?.leave()
        // Whoever reads the quarantine next must find nobody who still writes.
        git?.leave()
        // It has an id of the block, and the session's secrets.
        model?.leave()
        forge?.leave()
        packages?.leave()
        do throws(SystemError) {
            if !(brokerCgroup?.removeIfEmpty() ?? true) {
                try brokerCgroup?.kill(deadline: 10_000)
                try brokerCgroup?.remove(deadline: 5000)
            }
        } catch { note(error) }
        // Ids with a process or a file to their name are not given to anybody else.
        if let block, empty {
            do throws(SystemError) { try IdBlocks.open(HostFile.idRange()).release(block, of: directory.id.text) } catch
            { note(error) }
        }
        fault.reach("ids.released")
    }
}
