// SPDX-License-Identifier: Apache-2.0
import CLinux
import Documents
import Glibc
import LinuxSystem
import TaskModel
import TestSupport

/// Kills processes of a daemon and of its sessions, at moments and of kinds that are drawn by lot.
struct KillStorm {
    /// The daemon, and whatever a session is made of.
    enum Victim: String, CaseIterable {
        case daemon = "sallyportd"
        case task = "sallyport-task"
        case supervisor = "sallyport"
        case gateway = "sallyport-gateway"
        case broker = "sallyport-broker"
        case pidOne = "sp-init"
        /// As it is called inside of the sandbox.
        case runner
    }

    private let scene: DaemonScene
    private(set) var tasks: [String] = []
    private(set) var kills: [Victim: Int] = [:]
    /// Tasks of which a process was killed; with all others only the daemon was.
    private(set) var struck: Set<String> = []

    var count: Int { kills.values.reduce(0, +) }
    var missed: [Victim] { Victim.allCases.filter { kills[$0] == nil } }

    init(_ scene: DaemonScene) { self.scene = scene }

    /// As many tasks at work as may be, and one that waits.
    private mutating func fill() throws {
        while try unfinished() < 4 { tasks.append(try scene.submit(key: "k-\(tasks.count)")) }
    }

    private func unfinished() throws -> Int {
        let states = ["SUBMITTED", "QUEUED", "HYDRATING", "RUNNING", "AWAITING_APPROVAL", "FINALIZING"]
        let done = try scene.sallyport.command(["list", "--json"] + states.flatMap { ["--status", $0] }).run()
        return try scene.json(done)["tasks"]?.arrayValue?.count ?? 0
    }

    /// Kills one process at a moment by lot: of each kind in turn until there was one of each, and then of any.
    mutating func strike() throws {
        let next = missed.first
        repeat {
            try fill()
            // No wait for anything: this is the lot that the moment is drawn by.
            poll(nil, 0, Int32.random(in: 0..<Self.longestPause))
        } while try !hit(next.map { [$0] } ?? Victim.allCases.shuffled())
    }

    private static let longestPause: Int32 = 500

    /// Kills one of the first kind of which there is one now; false when there is none.
    private mutating func hit(_ kinds: [Victim]) throws -> Bool {
        let there = try processes()
        for kind in kinds {
            if kind == .daemon {
                try scene.end(SIGKILL)
                try scene.start()
            } else {
                // The kernel keeps fifteen letters of a name. prctl(2), PR_SET_NAME
                let named = there.filter { $0.name == kind.rawValue.prefix(15) }
                guard let one = named.randomElement(), try kill(one) else { continue }
                struck.insert(one.task)
            }
            kills[kind, default: 0] += 1
            return true
        }
        return false
    }

    private struct Process {
        let pid: Int32
        let start: String
        let name: String
        let task: String
    }

    /// All that runs of sessions now, each with its task.
    private func processes() throws -> [Process] {
        var children: [Int32: [Int32]] = [:]
        for pid in names("/proc").compactMap({ Int32($0) }) {
            guard let parent = statusField(pid, "PPid").flatMap({ Int32($0) }) else { continue }
            children[parent, default: []].append(pid)
        }
        var found: [Process] = []
        for session in names(scene.sessions) {
            let files = names("\(scene.sessions)/\(session)")
            // It may not have said yet who it is.
            guard files.contains(SessionFile.begun), !files.contains(SessionFile.end) else { continue }
            let begun = try scene.session(session)
            guard let leader = begun["pid"]?.intValue.flatMap({ Int32(exactly: $0) }),
                let start = begun["start"]?.stringValue, try processRuns(leader, start: start)
            else { continue }
            var left = [leader]
            while let pid = left.popLast() {
                left += children[pid] ?? []
                guard let name = statusField(pid, "Name"), let start = try? processStartTime(pid) else { continue }
                found.append(Process(pid: pid, start: start, name: name, task: String(session.prefix { $0 != "-" })))
            }
        }
        return found
    }

    /// False when it has ended by itself, so that nobody else is hit who has its number by now.
    private func kill(_ process: Process) throws -> Bool {
        let opened = sp_pidfd_open(process.pid)
        guard opened >= 0 else { return false }
        let pidfd = Descriptor(owning: Int32(opened))
        guard try processRuns(process.pid, start: process.start) else { return false }
        return sp_pidfd_signal(pidfd.number, SIGKILL, 0) >= 0
    }
}
