// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// Tasks of a real daemon whose agent wants a host that no rule has, while somebody can be asked about it.
@Suite(
    "hosts that a task asks for", .serialized, .requires(.root), .requires(.git), .requires(.runner),
    .requires(NetworkLab.need), .timeLimit(.minutes(30)))
struct DaemonHostTests {
    private static let host = "second-lab.net"

    /// Fetches from the host, again and again as an agent may, and says what came of it.
    private static func fetching(_ times: Int) -> String {
        """
        got=no; n=0
        while [ $n -lt \(times) ]; do
            n=$((n+1))
            if curl -sk --max-time 20 -o /tmp/page https://\(host)/; then got=yes; break; fi
            [ $n -gt 1 ] || echo 'note denied first' >$SALLYPORT_EVENTS
            sleep 0.2
        done
        echo "note reached $got" >$SALLYPORT_EVENTS
        echo fixed > file
        """
    }

    private func scene() throws -> DaemonScene {
        let lab = try NetworkLab.shared()
        let scene = try DaemonScene()
        scene.place = { lab.inside($0) }
        try scene.start()
        return scene
    }

    private func submit(
        _ scene: DaemonScene, _ agent: String, _ approvals: String = "{gates: [new_host]}", _ options: [String] = []
    ) throws -> String {
        try scene.onboard(agent: agent, "approvals: \(approvals)")
        let done = try scene.request(["--issue", "1", "--json"] + options).run()
        try #require(done.code == 0, "\(done.errorText)")
        return try #require(try scene.json(done)["task"]?["task"]?.stringValue)
    }

    /// The sandbox of the agent, which asks.
    private func sandbox(_ scene: DaemonScene) throws -> SessionGroup {
        let list = try scene.json(try scene.ask("session", "list", "--json"))
        let running = (list.arrayValue ?? []).filter { $0["phase"]?.stringValue == "running" }
        #expect(running.count == 1, "\(list.compactText)")
        return SessionGroup(try #require(running.first?["session"]?.stringValue))
    }

    private func delivered(_ scene: DaemonScene, _ id: String) -> String { "\(scene.sessions)/\(id)-1/delivered" }

    /// What the agent said that came of it, as the frames have it.
    private func reached(_ scene: DaemonScene, _ id: String) -> String? {
        let frames = text(delivered(scene, id) + "/frames.jsonl") ?? ""
        return ["yes", "no"].first { frames.contains("reached \($0)") }
    }

    private func evidence(_ scene: DaemonScene, _ id: String) throws -> JSON {
        let directory = delivered(scene, id)
        let verified = try scene.ask("evidence", "verify", directory)
        #expect(verified.code == 0, "\(verified.text)")
        return try JSON.read(try #require(contents(directory + "/evidence.json")), file: "evidence")
    }

    private func hosts(_ scene: DaemonScene, _ id: String) throws -> [String] {
        try scene.decisions(id).filter { $0.hasPrefix("new_host") }
    }

    @Test("denied first, frozen, approved, reached; the evidence has who let it, and what was opened")
    func approved() throws {
        let scene = try scene()
        let id = try submit(scene, Self.fetching(200))
        let asked = try scene.question(id, "q1")
        #expect(asked["act"]?.stringValue == "new_host" && asked["subject"]?.stringValue == "\(Self.host):443")
        let facts = asked["facts"]
        #expect(facts?["host"]?.stringValue == Self.host && facts?["port"]?.intValue == 443)
        #expect(facts?["sandbox"]?.stringValue == "work" && (facts?["times"]?.intValue ?? 0) >= 1)
        #expect(try scene.task(id)["status"]?.stringValue == "AWAITING_APPROVAL")
        let sandbox = try sandbox(scene)
        #expect(try sandbox.isFrozen)
        #expect(try scene.ask("pending").text.contains("new_host of \(Self.host):443"))
        // Nothing of it has been reached, and nothing is while it stands still.
        #expect(reached(scene, id) == nil)
        #expect(try scene.ask("approve", id, "q1").code == 0)
        #expect(try scene.ask("watch", id).code == 0)
        #expect(reached(scene, id) == "yes")
        #expect(try hosts(scene, id) == ["new_host approved"])
        let types = try scene.events(id).compactMap { $0["type"]?.stringValue }
        #expect(types.count { $0 == "frozen" } == 1 && types.count { $0 == "thawed" } == 1)
        let entry = try #require(try evidence(scene, id)["approvals"]?.arrayValue?.first)
        #expect(entry["act"]?.stringValue == "new_host" && entry["decided_by"]?.stringValue == "uid:0")
        let audit = text(delivered(scene, id) + "/audit.jsonl") ?? ""
        #expect(audit.contains("\"event\":\"host_opened\"") && audit.contains("\"host\":\"\(Self.host)\""))
        try scene.chain(try scene.events(id))
        #expect(try scene.residue() == [] && sandbox.directories == [])
        try contradict(scene, id)
        try scene.end(SIGTERM)
    }

    /// What was opened is what was approved, or the evidence is not valid, whoever signed it.
    private func contradict(_ scene: DaemonScene, _ id: String) throws {
        let original = BundleScene(scene.forge.scene, delivered(scene, id))
        try original.reseal(anew: true)
        #expect(try original.verify().code == 0)
        let copy = scene.sallyport.home.at("opened")
        try original.shell("cp -a . \"$1\"", [copy])
        let bundle = BundleScene(scene.forge.scene, copy)
        try bundle.shell(
            "sed -i '/\"opened\"/,/]/s/443/80/' work.result.json; "
                + "sed -i 's/\"work.result.json\": \"[0-9a-f]*\"/\"work.result.json\": \"'$(sha256sum <work.result.json | cut -c-64)'\"/' evidence.json"
        )
        try bundle.reseal(anew: true)
        let answer = try bundle.verify()
        #expect(answer.code == 1 && answer.problems.contains("a host that nobody approved"), "\(answer.problems)")
    }

    @Test("a denied host stays denied, is asked about once, and the task goes on without it")
    func denied() throws {
        let scene = try scene()
        let id = try submit(scene, Self.fetching(10))
        _ = try scene.question(id, "q1")
        #expect(try scene.ask("deny", id, "q1", "--reason", "not that one").code == 0)
        #expect(try scene.ask("watch", id).code == 0)
        #expect(reached(scene, id) == "no")
        #expect(try hosts(scene, id) == ["new_host denied"])
        let evidence = try evidence(scene, id)
        let entry = try #require(evidence["approvals"]?.arrayValue?.first)
        #expect(entry["decision"]?.stringValue == "denied" && entry["reason"]?.stringValue == "not that one")
        #expect(text(delivered(scene, id) + "/audit.jsonl")?.contains("host_opened") == false)
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }

    @Test("a host that nobody answers for stays denied, and the task goes on without it", .timeLimit(.minutes(5)))
    func silent() throws {
        let scene = try scene()
        let id = try submit(scene, Self.fetching(10), "{gates: [new_host]}", ["--approval-timeout", "30"])
        #expect(try scene.ask("watch", id).code == 0)
        #expect(reached(scene, id) == "no")
        #expect(try hosts(scene, id) == ["new_host no_answer"])
        _ = try evidence(scene, id)
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }

    @Test("without the gate nobody is asked")
    func ungated() throws {
        let scene = try scene()
        let id = try submit(scene, Self.fetching(3), "{gates: [plan]}")
        #expect(try scene.ask("watch", id).code == 0)
        #expect(reached(scene, id) == "no")
        #expect(try hosts(scene, id).isEmpty)
        try scene.end(SIGTERM)
    }

    @Test("a daemon that is killed while a sandbox stands still finds it so, and the answer is given once")
    func daemonKilled() throws {
        let scene = try scene()
        let id = try submit(scene, Self.fetching(200))
        _ = try scene.question(id, "q1")
        let sandbox = try sandbox(scene)
        try scene.end(SIGKILL)
        #expect(try sandbox.isFrozen)
        try scene.start()
        #expect(try scene.task(id)["status"]?.stringValue == "AWAITING_APPROVAL" && sandbox.isFrozen)
        // It dies over the answer, which is stored and not told.
        try scene.end(SIGKILL)
        try scene.start(fault: "answer-session.began")
        if scene.daemon != nil {
            _ = try scene.ask("approve", id, "q1")
            #expect(try scene.end().ending == .signalled(SIGKILL))
            try scene.start()
        }
        #expect(try scene.ask("watch", id).code == 0)
        #expect(reached(scene, id) == "yes")
        #expect(try hosts(scene, id) == ["new_host approved"])
        let opened = text(delivered(scene, id) + "/audit.jsonl")?.split(separator: "\n").count {
            $0.contains("\"event\":\"host_opened\"")
        }
        #expect(opened == 1)
        _ = try evidence(scene, id)
        try scene.chain(try scene.events(id))
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }

    @Test("a task process that is killed while its sandbox stands still leaves nothing that does")
    func taskKilled() throws {
        let scene = try scene()
        let id = try submit(scene, Self.fetching(200))
        _ = try scene.question(id, "q1")
        let sandbox = try sandbox(scene)
        let pid = try #require(try scene.session("\(id)-1")["pid"]?.intValue)
        try #require(kill(pid_t(pid), SIGKILL) == 0)
        #expect(try scene.ask("watch", id).code == 1)
        #expect(try scene.task(id)["status"]?.stringValue == "FAILED")
        #expect(try hosts(scene, id) == ["new_host stranded"])
        let late = try scene.ask("approve", id, "q1", "--json")
        #expect(try scene.json(late)["error"]?["code"]?.stringValue == "TASK_NOT_AWAITING_APPROVAL")
        #expect(try scene.residue() == [] && sandbox.directories == [])
        try scene.chain(try scene.events(id))
        try scene.end(SIGTERM)
    }

    @Test("a task that is cancelled while its sandbox stands still is over, and so is the sandbox")
    func cancelled() throws {
        let scene = try scene()
        let id = try submit(scene, Self.fetching(200))
        _ = try scene.question(id, "q1")
        let sandbox = try sandbox(scene)
        #expect(try scene.ask("cancel", id).code == 0)
        #expect(try scene.ask("watch", id).code == 1)
        #expect(try scene.task(id)["status"]?.stringValue == "CANCELLED")
        #expect(try hosts(scene, id) == ["new_host stranded"])
        #expect(try scene.residue() == [] && sandbox.directories == [])
        try scene.end(SIGTERM)
    }

    @Test("an agent that invents names is asked for as many as the cap has room for, and the other gates keep theirs")
    func flood() throws {
        let scene = try scene()
        let agent = """
            for n in $(seq 300); do getent hosts "n$n.denied-lab.org"; done
            echo fixed > file
            """
        let id = try submit(scene, agent, "{gates: [new_host, push], cap: 3}")
        for name in ["q1", "q2"] {
            #expect(try scene.question(id, name)["act"]?.stringValue == "new_host")
            #expect(try scene.ask("deny", id, name, "--reason", "invented").code == 0)
        }
        // q3 the policy denied, q4 is what may be handed over.
        let push = try scene.question(id, "q5")
        #expect(push["act"]?.stringValue == "push")
        #expect(try scene.ask("approve", id, "q5").code == 0)
        #expect(try scene.ask("watch", id).code == 0)
        #expect(try hosts(scene, id) == ["new_host denied", "new_host denied", "new_host denied"])
        let answers = try #require(try evidence(scene, id)["approvals"]?.arrayValue)
        #expect(answers.prefix(3).map { $0["decided_by"]?.stringValue } == ["uid:0", "uid:0", "policy"])
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }
}
