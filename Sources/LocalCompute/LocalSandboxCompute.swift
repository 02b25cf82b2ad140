// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem
package import Orchestrator
package import TaskModel

/// Sessions on this host: each is one `sallyport task run` that leads a process session of its own and outlives whoever
/// started it.
///
///     lock held ─▶ it runs              end.json ─▶ it ended, and told how
///     begun.json, lock free, no end.json ─▶ lost
///
/// The lock is taken here and inherited by the process, so that there is no moment in which a session is started and does
/// not hold it. What is known of a session is in its directory; in memory there are only descriptors to wait on.
package final class LocalSandboxCompute: ComputeStrategy {
    package let type = ComputeType.local
    let place: SessionPlace
    private let programs: String
    private let environment: [String]
    /// Processes of sessions, and of the sweeps after them, by session.
    private var watched: [String: WatchedProcess] = [:]
    private var sweeps: [String: WatchedProcess] = [:]
    /// What tells of their ends and their news, by session.
    private var watches: [String: SessionWatch] = [:]

    /// - Parameters:
    ///   - directory: Of all sessions; made when it is missing, for its owner alone.
    ///   - programs: The directory of `sallyport` and its siblings.
    ///   - environment: All that a session's process gets.
    package init(directory: String, programs: String, environment: [String]) throws(SystemError) {
        place = try SessionPlace(directory)
        self.programs = programs
        self.environment = environment
    }

    // MARK: Start

    package func startSession(_ start: SessionStart) throws(ComputeError) -> SessionHandle {
        try launch(start.session) { (directory) throws(SystemError) in try TaskCommand.arguments(start, in: directory) }
        return .local(.init(session: start.session))
    }

    /// Starts the process of a name, unless it was started before.
    ///
    /// - Parameter arguments: Its command line; asked for only when it is to start.
    func launch(
        _ name: String, _ arguments: (borrowing Directory) throws(SystemError) -> [String]
    ) throws(ComputeError) {
        do throws(SystemError) {
            let directory = try place.make(name)
            // In this order: whoever begins does it with the lock, so that without one it can have begun before and not since.
            guard let lock = try SessionPlace.takeLock(directory), !(try SessionPlace.hasBegun(directory)) else {
                return
            }
            try directory.make(SessionFile.answers, mode: 0o700, existing: true)
            _ = try directory.open(SessionFile.news, O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
            let arguments = try arguments(directory)
            let log = try directory.open(SessionPlace.logName, O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
            watched[name] = try WatchedProcess.detached(
                "\(programs)/sallyport", arguments, environment: environment,
                descriptors: [nil, log.number, log.number, lock.number])
        } catch {
            throw ComputeError(Self.errorClass(error.errno), error.description)
        }
    }

    // MARK: Poll

    package func pollSession(_ handle: SessionHandle, after news: Int) throws(ComputeError) -> SessionView {
        try asking { () throws(SystemError) in
            guard let directory = try place.open(handle.session) else {
                return SessionView(.failed(SessionFailure(.lost, "its directory is gone")))
            }
            try watches[handle.session]?.drain()
            // In this order: what it tells before its end is there when the end is seen.
            let status = try status(handle.session, directory)
            return SessionView(status, news: try SessionPlace.news(directory, after: news))
        }
    }

    private func status(_ session: String, _ directory: borrowing Directory) throws(SystemError) -> SessionStatus {
        if try isRunning(session, directory) { return .running }
        if let end = try SessionPlace.end(directory) { return end }
        return .failed(try Self.silence(directory))
    }

    func isRunning(_ name: String, _ directory: borrowing Directory) throws(SystemError) -> Bool {
        // It knows better than the lock, of which a process that is just being started has a copy for a moment.
        if let process = watched[name] { return !process.reap() }
        return try SessionPlace.isHeld(directory)
    }

    /// What it means that a process is gone and told nothing.
    static func silence(_ directory: borrowing Directory) throws(SystemError) -> SessionFailure {
        try SessionPlace.hasBegun(directory)
            ? SessionFailure(.lost, "its process ended without a word")
            : SessionFailure(.neverStarted, "its process ended before it began")
    }

    package func answerSession(_ handle: SessionHandle, _ question: String, _ answer: ApprovalAnswer)
        throws(ComputeError)
    {
        try asking { () throws(SystemError) in
            guard let directory = try place.open(handle.session), try directory.contains(SessionFile.answers) else {
                return
            }
            try SessionPlace.answer(question, answer, in: directory)
        }
    }

    package func changeDescriptor(_ handle: SessionHandle) throws(ComputeError) -> Int32? {
        let session = handle.session
        if let sweep = sweeps[session] { return sweep.number }
        return try asking { () throws(SystemError) in
            guard let directory = try place.open(session) else { return watched[session]?.number }
            if watched[session] == nil, try SessionPlace.isHeld(directory),
                let begun = try SessionPlace.begun(directory)
            {
                watched[session] = try WatchedProcess.find(begun)
            }
            guard let process = watched[session] else { return nil }
            if let watch = watches[session], watch.process === process { return watch.number }
            do throws(SystemError) {
                let watch = try SessionWatch(process, directory)
                watches[session] = watch
                return watch.number
            } catch {
                // The user has no watches left: whoever looks after it asks from time to time. inotify(7)
                guard [Errno(EMFILE), Errno(ENFILE), .noSpace, Errno(ENOMEM)].contains(error.errno) else { throw error }
                return nil
            }
        }
    }

    // MARK: Stop

    package func stopSession(_ handle: SessionHandle, force: Bool) -> StopOutcome {
        do throws(ComputeError) {
            _ = try changeDescriptor(handle)
            return try asking { () throws(SystemError) in try stop(handle.session, force: force) }
        } catch {
            return error.errorClass == .gone ? .gone : .failed(error)
        }
    }

    private func stop(_ session: String, force: Bool) throws(SystemError) -> StopOutcome {
        guard let directory = try place.open(session) else { return .gone }
        if let sweep = sweeps[session] { return try outcome(of: sweep, session) }
        // What it still tells is nothing that its end waits for.
        try watches[session]?.drain()
        if let process = watched[session], !process.reap() {
            try process.signal(force ? SIGKILL : SIGTERM)
            return .stopping
        }
        // By a process that did not say yet who it is, or by one that it started before: nothing is gone while it is held.
        if try SessionPlace.isHeld(directory) { return .stopping }
        forget(session)
        guard let begun = try SessionPlace.begun(directory) else { return .gone }
        // The leader is gone; the supervisors that it had end by themselves, unless they are stuck.
        if let left = try begun.members() {
            if force { try left.signal(SIGKILL) }
            watched[session] = left
            return .stopping
        }
        if try SessionPlace.end(directory) != nil { return .gone }
        // It was killed, and may have left what only a sweep removes.
        let sweep = try WatchedProcess.detached(
            "\(programs)/sallyport", ["sallyport", "sweep"], environment: environment, descriptors: [nil, nil, nil])
        sweeps[session] = sweep
        return .stopping
    }

    /// Closes what was held to wait for a process.
    func forget(_ name: String) { (watched[name], watches[name]) = (nil, nil) }

    private func outcome(of sweep: WatchedProcess, _ session: String) throws(SystemError) -> StopOutcome {
        guard sweep.reap() else { return .stopping }
        sweeps[session] = nil
        guard sweep.exitStatus == 0 else {
            return .failed(
                ComputeError(
                    .transient,
                    "cannot clear away what session \(session) left: sallyport sweep ended with \(sweep.exitStatus.map { "\($0)" } ?? "a signal"). Run it by hand to see why."
                ))
        }
        return .gone
    }

    // MARK: Errors

    func asking<Result>(_ body: () throws(SystemError) -> Result) throws(ComputeError) -> Result {
        do throws(SystemError) { return try body() } catch {
            throw ComputeError(Self.errorClass(error.errno), error.description)
        }
    }

    package static func errorClass(_ errno: Errno) -> ComputeError.Class {
        switch errno {
        case .noSuchProcess: .gone
        case .again, .busy, .interrupted, .noSpace, .quota, Errno(ENOMEM), Errno(EMFILE), Errno(ENFILE): .transient
        case .notPermitted, .accessDenied, Errno(EROFS): .permission
        default: .unknown
        }
    }
}
