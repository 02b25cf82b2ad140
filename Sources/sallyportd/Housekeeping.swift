// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Control
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Orchestrator
internal import Retention
internal import Store
internal import TaskModel

/// `sallyportd gc`: by the daemon that runs, or in its place when none does.
enum Housekeeping {
    static func run(_ words: [String]) throws -> String {
        guard words.count == 1 || words[1] == "--settings", ["--dry-run", "--now"].contains(words[0]) else {
            throw SystemError(
                "use", "\"\(words.joined(separator: " ").displayed)\"", .invalid,
                remedy: "Say sallyportd gc --dry-run, or sallyportd gc --now.")
        }
        let isDry = words[0] == "--dry-run"
        let settings = try SettingsFile.read(words.count > 1 ? words[2] : nil)
        let place: DaemonPlace
        do throws(SystemError) { place = try DaemonPlace() } catch {
            guard error.errno == .again else { throw error }
            return try ask(isDry)
        }
        let store = try SQLiteStore(place.store)
        let collector = Daemon.collector(store, place, settings, Daemon.clock)
        if isDry {
            let plan = try collector.plan()
            let said = plan.obstacles.map { "cannot see whether it is old: \($0)" }
            let items = plan.items.isEmpty ? "nothing is old enough" : text(plan.items.map(\.json))
            return ([items] + said).joined(separator: "\n")
        }
        var lines: [String] = []
        var failures: [String] = []
        var removed = 0
        func tell(_ step: Collector.Step) {
            switch step {
            case .removed(let item):
                removed += 1
                lines.append(text([item.json]))
            case .failed(let item, let error):
                failures.append("cannot remove \(item.kind.rawValue) of task \(item.task): \(error)")
            case .obstacle(let reason): failures.append("cannot see whether it is old: \(reason)")
            }
        }
        // A task that another one named may go once that one is gone.
        repeat {
            (removed, failures) = (0, [])
            _ = try collector.run(until: { false }, tell)
        } while removed > 0
        lines += failures
        return lines.isEmpty ? "nothing is old enough" : lines.joined(separator: "\n")
    }

    private static func ask(_ isDry: Bool) throws -> String {
        let own = try OwnDirectories.resolve(asRoot: geteuid() == 0) { name in
            getenv(name).map { String(cString: $0) }
        }
        var client = try ControlClient(runtime: own.runtime)
        try client.send(.collect(isDry: isDry))
        while true {
            guard case .reply(let reply) = try client.next() else { continue }
            switch reply {
            case .event: continue
            case .refused(let refusal): throw refusal
            case .data(let data):
                let items = data["items"]?.arrayValue ?? []
                return items.isEmpty
                    ? "nothing is old enough" : text(items) + (isDry ? "" : "\nthe daemon removes them now")
            }
        }
    }

    private static func text(_ items: [JSON]) -> String {
        items.map { item in
            "\(item["task"]?.stringValue ?? "?")  \(item["what"]?.stringValue ?? "?")  \(item["session"]?.stringValue ?? "")"
        }.joined(separator: "\n")
    }
}
