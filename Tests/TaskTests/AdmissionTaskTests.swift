// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// Tasks that wait for each other, for a slot and for money, through a daemon and with sandboxes; shown by `events`.
@Suite(
    "admission of the daemon", .serialized, .requires(.root), .requires(.git), .requires(.runner),
    .timeLimit(.minutes(25)))
struct AdmissionTaskTests {
    private static let oneSlot = """
        version: 1
        slots: {total: 1, per_owner: 1}
        rate: {tasks_per_hour: 40}
        pressure: {memory_percent: 100, cpu_percent: 100, io_percent: 100}

        """

    private func submit(_ scene: DaemonScene, agent: String, _ key: String, _ options: [String] = []) throws -> String {
        let done = try scene.submission(agent: agent, key: key, options: options).run()
        try #require(done.code == 0, "\(done.errorText)")
        return try #require(try scene.json(done)["task"]?["task"]?.stringValue)
    }

    private func event(_ scene: DaemonScene, _ id: String, _ type: String) throws -> JSON? {
        try scene.events(id).first { $0["type"]?.stringValue == type }
    }

    @Test("a task begins when the one that it depends on is COMPLETED, also when the daemon was killed in between")
    func dependency() throws {
        let scene = try DaemonScene()
        try scene.start(fault: "finalize.ended")
        let first = try submit(scene, agent: "echo fixed > file", "first")
        let second = try submit(scene, agent: "echo fixed > file", "second", ["--depends-on", first])
        #expect(try scene.end().ending == .signalled(SIGKILL))
        try scene.start()
        #expect(try scene.ask("watch", second).code == 0)
        let waited = try event(scene, second, "admission_queued")?["payload"]
        #expect(waited?["reason"]?.stringValue == "dependencies" && waited?["detail"]?.stringValue == "task \(first)")
        let ended = try #require(try event(scene, first, "task_completed")?["wall_ms"]?.intValue)
        let released = try #require(try event(scene, second, "dependencies_met")?["wall_ms"]?.intValue)
        let began = try #require(try event(scene, second, "session_started")?["wall_ms"]?.intValue)
        #expect(released == ended && began >= released)
        for id in [first, second] { try scene.chain(try scene.events(id)) }
        #expect(try scene.task(second)["depends_on"]?.arrayValue?.compactMap(\.stringValue) == [first])
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }

    @Test("what waits for a task that is cancelled never begins, and one that is resumed runs again")
    func closed() throws {
        let scene = try DaemonScene()
        try scene.start()
        let parent = try submit(scene, agent: DaemonScene.waiting, "parent")
        let child = try submit(scene, agent: "echo fixed > file", "child", ["--depends-on", parent])
        let grandchild = try submit(scene, agent: "echo fixed > file", "grandchild", ["--depends-on", child])
        let unknown = try scene.request(["--issue", "1", "--depends-on", "t00000000000000000000"]).run()
        #expect(unknown.code == 125 && unknown.errorText.contains("which there is not"), "\(unknown.errorText)")
        try scene.waitForAgent(parent)
        #expect(try scene.ask("cancel", parent).code == 0)
        #expect(try scene.ask("watch", grandchild).code == 1)
        for (id, named) in [(child, parent), (grandchild, child)] {
            let task = try scene.task(id)
            #expect(task["status"]?.stringValue == "FAILED" && task["error"]?["category"]?.stringValue == "dependency")
            #expect(task["error"]?["message"]?.stringValue?.contains(named) == true)
            #expect(try event(scene, id, "session_started") == nil)
            try scene.chain(try scene.events(id))
        }
        // One that failed by itself may be tried again; its parent is no more.
        let early = try scene.ask("resume", child)
        #expect(early.code == 125 && early.errorText.contains(parent), "\(early.errorText)")
        let red = try submit(scene, agent: "exit 3", "red")
        #expect(try scene.ask("watch", red).code == 1)
        #expect(try scene.ask("resume", red).code == 0)
        #expect(try scene.ask("watch", red).code == 1)
        #expect(try scene.task(red)["attempt"]?.intValue == 2)
        let events = try scene.events(red)
        try scene.chain(events)
        #expect(events.filter { $0["type"]?.stringValue == "session_started" }.count == 2)
        #expect(scene.attempts.filter { $0.hasPrefix(red) }.sorted() == ["\(red)-1", "\(red)-2"])
        // Its owner may not submit it any more.
        try scene.onboard(agent: "exit 3", submitters: "[\"uid:1234\"]")
        let shut = try scene.ask("resume", red)
        #expect(shut.code == 125 && shut.errorText.contains("none of the submitters"), "\(shut.errorText)")
        #expect(try scene.task(red)["attempt"]?.intValue == 2)
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }

    @Test("a task that is resumed goes on where its earlier attempt ended, unless the base is another by now")
    func resumed() throws {
        let scene = try DaemonScene()
        try scene.start()
        let agent = """
            if grep -qx half file; then grep -q 'tried before' $SALLYPORT_PROMPT_FILE || exit 9; echo fixed > file; git commit -qam rest
            else echo half > file; git commit -qam half; fi
            """
        let id = try submit(scene, agent: agent, "k")
        #expect(try scene.ask("watch", id).code == 1)
        #expect(try scene.task(id)["result"]?["outcome"]?.stringValue == "test_failed")
        #expect(try scene.ask("resume", id).code == 0)
        #expect(try scene.ask("watch", id).code == 0)
        let directory = "\(scene.sessions)/\(id)-2/delivered"
        #expect(try scene.ask("evidence", "verify", directory).code == 0)
        let evidence = try JSON.read(try #require(contents(directory + "/evidence.json")), file: "evidence")
        let earlier = try JSON.read(
            try #require(contents("\(scene.sessions)/\(id)-1/delivered/evidence.json")), file: "evidence")
        let first = try #require(earlier["delivered"]?["commit"]?.stringValue)
        #expect(evidence["continued"]?.stringValue == first && evidence["delivered"]?["commits"]?.intValue == 2)
        // The base has moved on: nothing is taken up, and that is said.
        let other = try submit(scene, agent: agent, "other")
        #expect(try scene.ask("watch", other).code == 1)
        let own = scene.forge.scene
        try own.git(own.repository, "commit", "--quiet", "--allow-empty", "-m", "elsewhere")
        try own.git(own.repository, "push", "--quiet", scene.forge.repository, "main")
        #expect(try scene.ask("resume", other).code == 0)
        #expect(try scene.ask("watch", other).code == 1)
        let second = try JSON.read(
            try #require(contents("\(scene.sessions)/\(other)-2/delivered/evidence.json")), file: "evidence")
        #expect(second["continued"] == .null && second["delivered"]?["commits"]?.intValue == 1)
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }

    @Test("twenty tasks wait for one slot, each with its place; the highest priority goes first")
    func queue() throws {
        let scene = try DaemonScene()
        try scene.start(settings: Self.oneSlot)
        let running = try submit(scene, agent: DaemonScene.waiting, "running")
        try scene.waitForAgent(running)
        var waiting: [(id: String, priority: Int)] = []
        for number in 0..<20 {
            let priority = number % 10
            let id = try submit(scene, agent: "echo fixed > file", "w-\(number)", ["--priority", "\(priority)"])
            let told = try event(scene, id, "admission_queued")?["payload"]
            #expect(told?["reason"]?.stringValue == "slots")
            #expect(told?["position"]?.intValue == 1 + waiting.count { $0.priority >= priority })
            #expect(told?["starts_ms"] == .null)
            waiting.append((id, priority))
        }
        let order = (0...9).reversed().flatMap { priority in waiting.filter { $0.priority == priority }.map(\.id) }
        #expect(try order.map { try scene.task($0)["queue_position"]?.intValue } == Array(1...20))
        // Another daemon knows the same.
        try scene.end(SIGTERM)
        try scene.start()
        #expect(try order.map { try scene.task($0)["queue_position"]?.intValue } == Array(1...20))
        for id in order.dropFirst(2) { #expect(try scene.ask("cancel", id).code == 0) }
        #expect(try scene.ask("cancel", running).code == 0)
        #expect(try scene.ask("watch", order[1]).code == 0)
        let began = try order.prefix(2).map {
            try #require(try event(scene, $0, "session_started")?["wall_ms"]?.intValue)
        }
        let ended = try #require(try event(scene, order[0], "task_completed")?["wall_ms"]?.intValue)
        #expect(began[0] <= ended && ended <= began[1])
        for (id, _) in waiting {
            try scene.chain(try scene.events(id))
            #expect(
                try scene.task(id)["status"]?.stringValue == (order.prefix(2).contains(id) ? "COMPLETED" : "CANCELLED"))
        }
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }

    @Test("as many sandboxes at once as the operator allows: none is lost or run twice, and nothing is left")
    func crowd() throws {
        let count = getenv("SALLYPORT_LONG") == nil ? 8 : 50
        let scene = try DaemonScene()
        try scene.start(
            settings: """
                version: 1
                slots: {total: \(count), per_owner: \(count)}
                rate: {tasks_per_hour: 1000}
                capacity: {memory_percent: 95, cpu_percent: 10000, disk_percent: 95}
                pressure: {memory_percent: 100, cpu_percent: 100, io_percent: 100}

                """)
        let daemon = try #require(scene.daemon?.pid)
        /// What tells of processes: all that the daemon holds of a session beside its connections.
        func watches() -> Int {
            names("/proc/\(daemon)/fd").count { linkTarget("/proc/\(daemon)/fd/\($0)").hasPrefix("anon_inode:") }
        }
        let before = watches()
        let began = ContinuousClock.now
        // Small ones: what they are promised has to fit beside each other.
        let agent = "echo 'note the agent waits' >$SALLYPORT_EVENTS; mkfifo /tmp/go; read line </tmp/go"
        try scene.onboard(
            agent: agent, "resources: {memory: 400MiB, cpu: 0.5, workspace_bytes: 64MiB, tmp: 64MiB, shm: 16MiB}")
        var ids: [String] = []
        for number in 0..<count {
            let done = try scene.request(["--issue", "1", "--idempotency-key", "c-\(number)", "--json"]).run()
            try #require(done.code == 0, "\(done.errorText)")
            ids.append(try #require(try scene.json(done)["task"]?["task"]?.stringValue))
        }
        // All of them at once: none ends before it is told to.
        for id in ids { try scene.waitForAgent(id) }
        #expect(try ids.allSatisfy { try scene.task($0)["status"]?.stringValue == "RUNNING" })
        #expect(scene.attempts.count == count)
        let atWork = ContinuousClock.now
        #expect(watches() > before + count)
        for id in ids { #expect(try scene.ask("cancel", id).code == 0) }
        for id in ids {
            #expect(try scene.ask("watch", id).code == 1)
            #expect(try scene.task(id)["status"]?.stringValue == "CANCELLED")
            let events = try scene.events(id)
            try scene.chain(events)
            #expect(events.count { $0["type"]?.stringValue == "session_started" } == 1)
        }
        #expect(scene.attempts.sorted() == ids.map { "\($0)-1" }.sorted())
        #expect(try scene.residue() == [])
        #expect(watches() == before)
        let peak = try #require(
            statusField(daemon, "VmHWM")?.split(separator: " ").first.flatMap { Int($0) }, "no VmHWM")
        #expect(peak < 256 << 10, "the daemon needed \(peak) kB")
        let (start, end) = (atWork - began, ContinuousClock.now - atWork)
        print(
            "a crowd of \(count): all at work after \(start.components.seconds) s, all over \(end.components.seconds) s "
                + "later; the daemon had at most \(peak >> 10) MiB")
        try scene.end(SIGTERM)
    }

    @Test("a budget that is used up while the agent works ends in a failure that says so", .requires(.python))
    func budget() throws {
        let scene = try DaemonScene()
        try scene.sallyport.home.directory("profiles")
        let vendor = try ModelVendor(scene.sallyport.home)
        try scene.start(
            settings: """
                version: 1
                rate: {tasks_per_hour: 40}
                pressure: {memory_percent: 100, cpu_percent: 100, io_percent: 100}
                budgets: {each_user: {day_usd: 0.02}}

                """)
        // Each answer costs 0.0003 USD, and each request might cost more than is left in the end.
        let agent = "python3 -c '\(ModelVendor.client)[ask(\"chat\", \"say hello\") for _ in range(100)]'"
        try scene.onboard(
            runner: "{command: \(JSON.string(agent).compactText), models: \(JSON.string(vendor.file).compactText)}")
        let none = try scene.request(["--issue", "1", "--max-budget", "0.03", "--wait", "--json"]).run()
        #expect(none.code == 1)
        let never = try scene.json(none)
        #expect(never["error"]?["code"]?.stringValue == "BUDGET_EXHAUSTED", "\(never)")
        #expect(never["error"]?["message"]?.stringValue?.contains("budget user:uid:0 has 0.02 USD for ") == true)
        let done = try scene.request(["--issue", "1", "--max-budget", "0.01", "--wait", "--json"]).run()
        #expect(done.code == 1)
        let task = try scene.json(done)
        let id = try #require(task["task"]?.stringValue)
        #expect(task["error"]?["category"]?.stringValue == "budget", "\(task)")
        let events = try scene.events(id)
        try scene.chain(events)
        let types = events.compactMap { $0["type"]?.stringValue }
        #expect(types.contains("budget_reserved") && types.suffix(2) == ["budget_settled", "task_failed"], "\(types)")
        let own = events.filter { $0["payload"]?["budget"]?.stringValue == "task" }
        #expect(own.compactMap { $0["type"]?.stringValue } == ["budget_warning", "budget_exhausted"])
        let spent = try #require(task["result"]?["spending"]?["spent_microusd"]?.intValue)
        #expect(spent > 0 && spent <= 10_000)
        // What it did not spend is there for others.
        let settled = events.first { $0["type"]?.stringValue == "budget_settled" }?["payload"]
        #expect(settled?["reserved_usd"]?.stringValue == "0.01")
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }

    @Test("a task's own budget is told of while the session runs, each mark once", .requires(.python))
    func live() throws {
        let scene = try DaemonScene()
        try scene.sallyport.home.directory("profiles")
        let vendor = try ModelVendor(scene.sallyport.home)
        try scene.start()
        // Spends all that it has, and does not end.
        let agent =
            "python3 -c '\(ModelVendor.client)[ask(\"chat\", \"say hello\") for _ in range(100)]'; \(DaemonScene.waiting)"
        try scene.onboard(
            runner: "{command: \(JSON.string(agent).compactText), models: \(JSON.string(vendor.file).compactText)}")
        let done = try scene.request(["--issue", "1", "--max-budget", "0.01", "--json"]).run()
        try #require(done.code == 0, "\(done.errorText)")
        let id = try #require(try scene.json(done)["task"]?["task"]?.stringValue)
        let warning = try scene.event(of: id) { $0["type"]?.stringValue == "budget_warning" }["payload"]
        #expect(warning?["budget"]?.stringValue == "task" && warning?["percent"]?.intValue == 80)
        #expect(warning?["limit_usd"]?.stringValue == "0.01", "\(String(describing: warning))")
        let exhausted = try scene.event(of: id) { $0["type"]?.stringValue == "budget_exhausted" }
        #expect(exhausted["source"]?.stringValue == "observed" && exhausted["payload"]?["percent"]?.intValue == 100)
        // It is at work, and nothing of its end was told.
        try scene.waitForAgent(id)
        #expect(try scene.task(id)["status"]?.stringValue == "RUNNING")
        #expect(try scene.task(id)["result"]?["spending"] == nil || scene.task(id)["result"]?.isNull == true)
        #expect(try scene.ask("cancel", id).code == 0)
        #expect(try scene.ask("watch", id).code == 1)
        let events = try scene.events(id)
        try scene.chain(events)
        let own = events.filter { $0["payload"]?["budget"]?.stringValue == "task" }
        #expect(own.compactMap { $0["type"]?.stringValue } == ["budget_warning", "budget_exhausted"])
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }
}
