// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import Glibc
internal import Synchronization

/// A small internet in namespaces: servers on public addresses, and a host before it on which commands run.
///
///     host side (net and mount namespace)          internet (net namespace)
///     sallyport, its gateway, controls  --veth-->  DNS, HTTP, TLS, git, echo on every address there is
///     traps on its own addresses                   capture of the link
///
/// What happened is judged by the record of the receivers, never by what a client says. Tests that share one laboratory run
/// one after another, since the record is one. The program is Tests/Fixtures/network-lab/lab.py.
package final class NetworkLab: Sendable {
    /// The plan as the program printed it.
    package let plan: JSON
    private let pid: Int
    private let record: String
    private let program: Mutex<Running>
    private let marks = Mutex(0)

    /// Needs of the laboratory itself, each a package of `scripts/setup --check`.
    package static let need = HostNeed("network-lab") {
        let programs = ["/usr/bin/python3", "/usr/bin/openssl", "/usr/bin/git", "/usr/bin/nsenter", "/usr/bin/curl"]
        let links: [String] = ["/usr/sbin/ip", "/usr/bin/ip", "/sbin/ip"]
        let isThere: (String) -> Bool = { access($0, X_OK) == 0 }
        return HostNeed.root.isPresent() && programs.allSatisfy(isThere) && links.contains(where: isThere)
    }

    private static let one = Mutex<NetworkLab?>(nil)

    /// The laboratory of this test process, started by the first test that asks; it ends with the process.
    package static func shared() throws(HarnessError) -> NetworkLab {
        try one.withLock { (lab) throws(HarnessError) in
            if let lab { return lab }
            let made = try NetworkLab()
            lab = made
            return made
        }
    }

    package init() throws(HarnessError) {
        // -B: a source tree stays as it was.
        var command = Command("/usr/bin/python3", ["-B", "\(Executables.sources)/Tests/Fixtures/network-lab/lab.py"])
        // The longest that a test process lives.
        command.deadline = .seconds(7200)
        let running = try command.start()
        guard let line = try running.line() else {
            let end = try running.finish()
            throw HarnessError("the network laboratory did not start (\(end.ending)): \(end.errorText)")
        }
        plan = try Self.read(line)
        guard let pid = plan["pid"]?.intValue, let events = plan["events"]?.stringValue else {
            throw HarnessError("the network laboratory printed no plan: \(line)")
        }
        self.pid = pid
        record = "/proc/\(pid)/root\(events)"
        program = Mutex(running)
    }

    private static func read(_ line: String) throws(HarnessError) -> JSON {
        do { return try JSON.read(Array(line.utf8), file: "the laboratory's record") } catch {
            throw HarnessError("\(error) in: \(line.prefix(300))")
        }
    }

    /// The same command on the host's side: its network, its resolv.conf, hosts and authorities.
    package func inside(_ command: Command) -> Command {
        var moved = command
        moved.path = "/usr/bin/nsenter"
        let place = command.directory.map { ["--wd=\($0)"] } ?? []
        moved.arguments =
            ["--net=/proc/\(pid)/ns/net", "--mount=/proc/\(pid)/ns/mnt"] + place + ["--", command.path]
            + command.arguments
        moved.directory = nil
        return moved
    }

    /// Runs a shell command on the host's side, outside any sandbox: the control of a test.
    package func onHost(_ script: String) throws(HarnessError) -> Finished {
        try inside(Command("/bin/bash", ["-c", script])).run()
    }

    /// What the receivers saw while `body` ran and until every connection that it left behind has ended.
    package func watch<T>(_ body: () throws -> T) throws -> (value: T, seen: [LabEvent]) {
        let before = try settled().count
        let value = try body()
        let after = try settled()
        return (value, try after[before...].map { line in try LabEvent(Self.read(line)) })
    }

    /// The lines of the record up to now; waits until all that has arrived is in it.
    ///
    /// Without any timing: the program sends a mark that queues behind everything before it, at every listener and on the link.
    private func settled() throws(HarnessError) -> [String] {
        let text = marks.withLock { number in
            number += 1
            return "mark-\(number)"
        }
        let answer = try program.withLock { (running) throws(HarnessError) -> String in
            try running.send(Array("mark \(text)\n".utf8))
            return try running.line() ?? ""
        }
        let marked = try Self.read(answer)
        guard marked["marked"]?.stringValue == text, marked["open"]?.intValue == 0 else {
            throw HarnessError("the network laboratory has not come to rest: \(answer)")
        }
        return lines()
    }

    /// The record as it stands, for a test that waits for something to happen while its run goes on.
    package func soFar() throws(HarnessError) -> [LabEvent] {
        var events: [LabEvent] = []
        for line in lines() { events.append(try LabEvent(Self.read(line))) }
        return events
    }

    private func lines() -> [String] { (text(record) ?? "").split(separator: "\n").map(String.init) }
}
