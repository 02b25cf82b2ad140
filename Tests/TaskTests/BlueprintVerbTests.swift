// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

@Suite("blueprint verbs")
struct BlueprintVerbTests {
    let sallyport: Sallyport

    init() throws { sallyport = try Sallyport() }

    func blueprint(_ name: String = "b.yaml", turns: Int = 10, repo: String = "team/library", _ more: String = "")
        throws -> String
    {
        try sallyport.home.file(
            name,
            """
            version: 1
            repo: \(repo)
            reason: tests   # a comment
            source: {repository: /srv/git/library.git}
            submitters: ["user:alice"]
            agent: {max_turns: \(turns)}
            runner: {command: exec agent}
            \(more)

            """)
    }

    func run(_ words: String...) throws -> Finished { try sallyport.command(["blueprint"] + words).run() }
    func json(_ done: Finished) throws -> JSON { try JSONParser.parse(Array(done.text.utf8)) }

    @Test("validate, plan, apply, show, remove, history: the whole way")
    func whole() throws {
        let file = try blueprint()
        #expect(try run("validate", file).code == 0)
        #expect(try run("list").text.contains("no repository is onboarded"))
        let plan = try run("plan", file)
        #expect(plan.code == 0 && plan.text.contains("team/library: new (onto none)"))
        #expect(plan.text.contains("+ agent.max_turns: 10") && names(sallyport.state) == [])
        #expect(try run("apply", file).code == 0)
        #expect(try run("apply", file).text.contains("no change"))
        _ = try blueprint(turns: 20)
        let second = try run("apply", file, "--json")
        let change = try #require(try json(second).arrayValue?.first)
        #expect(change["number"] == 2 && change["status"] == "active" && change["uid"]?.intValue == Int(getuid()))
        #expect(change["changes"]?.arrayValue?.first == ["path": "agent.max_turns", "before": 10, "after": 20])
        #expect(try run("show", "TEAM/library").text.contains("reason: tests   # a comment"))
        #expect(try json(run("show", "team/library", "--canonical"))["agent"]?["max_turns"] == 20)
        #expect(try json(run("list", "--json")).arrayValue?.count == 1)
        #expect(try run("remove", "team/library").code == 0)
        #expect(try run("remove", "team/library").code == 1)
        #expect(try json(run("list", "--json")).arrayValue?.count == 0)
        #expect(try json(run("list", "--all", "--json")).arrayValue?.first?["status"] == "removed")
        let history = try #require(try json(run("history", "team/library", "--json")).arrayValue)
        #expect(history.map { $0["number"]?.intValue } == [1, 2, 3])
        #expect(history.map { $0["status"]?.stringValue } == ["active", "active", "removed"])
        #expect(history.allSatisfy { $0["updated_at"]?.stringValue?.hasSuffix("Z") == true })
        #expect(try run("apply", file).text.contains("applied as change 4"))
    }

    @Test("apply onto another change than the one that was planned against changes nothing")
    func expect() throws {
        let file = try blueprint()
        let none = try #require(try json(run("plan", file, "--json")).arrayValue?.first?["onto"]?.stringValue)
        #expect(none == "none")
        #expect(try run("apply", file, "--expect", none).code == 0)
        _ = try blueprint(turns: 20)
        let late = try run("apply", file, "--expect", none)
        #expect(late.code == 125 && late.errorText.contains("somebody else changed it meanwhile"))
        let onto = try #require(try json(run("plan", file, "--json")).arrayValue?.first?["onto"]?.stringValue)
        #expect(try run("apply", file, "--expect", onto).code == 0)
    }

    @Test("a file that is not valid is refused with every flaw, and of several files none is applied then")
    func invalid() throws {
        let good = try blueprint("good.yaml", repo: "team/good")
        let bad = try blueprint("bad.yaml", turns: 0, "scope: {max_files: x}")
        let done = try run("apply", good, bad)
        #expect(done.code == 1)
        #expect(
            done.errorText.contains("bad.yaml:6: agent.max_turns")
                && done.errorText.contains("bad.yaml:8: scope.max_files"))
        #expect(try run("list").text.contains("no repository"))
        let checked = try #require(try json(run("validate", good, bad, "--json")).arrayValue)
        #expect(checked.map { $0["valid"]?.boolValue } == [true, false])
        #expect(checked.last?["flaws"]?.arrayValue?.count == 2)
    }

    @Test("a wrong order of steps is refused by its code and rule")
    func sequence() throws {
        let file = try blueprint("b.yaml", "pipeline: {step_sequence: [{type: builtin, name: finalize}]}")
        let done = try run("validate", file)
        #expect(done.code == 1 && done.text.contains("INVALID_STEP_SEQUENCE (S1)"))
    }

    @Test("what the profile does not allow is refused, and what it allows is in the profile of a task")
    func profile() throws {
        let wide = try blueprint("wide.yaml", "networking: {egress: [{host: a.example, reason: x}]}")
        let done = try run("validate", wide)
        #expect(done.code == 1 && done.text.contains("wide.yaml:8: networking.egress"))
        let missing = try blueprint("missing.yaml", "profile: no-such-profile")
        #expect(try run("validate", missing).text.contains("no profile has the name"))
        let narrow = try blueprint("narrow.yaml", "resources: {memory: 1GiB, wall: 10m}")
        #expect(try run("apply", narrow).code == 0)
        let profile = try json(run("show", "team/library", "--profile"))
        #expect(profile["limits"]?["memory"] == "1GiB" && profile["limits"]?["wall"] == "10m")
        let text = try run("show", "team/library", "--profile").text
        let file = try sallyport.home.file("narrowed.yaml", text)
        #expect(try sallyport.command(["profile", "lint", file]).run().code == 0)
    }

    @Test("a directory is all its files; two for one repository are none")
    func directory() throws {
        _ = try sallyport.home.directory("all")
        _ = try blueprint("all/a.yaml", repo: "team/a")
        _ = try blueprint("all/b.yaml", repo: "team/b")
        _ = try sallyport.home.file("all/README.md", "words\n")
        #expect(try run("apply", sallyport.home.at("all")).code == 0)
        #expect(try json(run("list", "--json")).arrayValue?.map { $0["repo"]?.stringValue } == ["team/a", "team/b"])
        _ = try blueprint("all/c.yaml", repo: "Team/A")
        let done = try run("plan", sallyport.home.at("all"))
        #expect(done.code == 125 && done.errorText.contains("are both for"))
    }

    @Test("a file that others can write is not read, and a registry that others can write is not trusted")
    func trust() throws {
        let file = try blueprint()
        chmod(file, 0o666)
        #expect(try run("apply", file).code == 125)
        chmod(file, 0o644)
        #expect(try run("apply", file).code == 0)
        chmod(sallyport.state + "/blueprints", 0o777)
        let done = try run("list")
        #expect(done.code == 125 && done.errorText.contains("nobody else may write it"))
    }

    @Test("every example that is shipped is valid here, but for steps that nobody installed")
    func examples() throws {
        let done = try run("validate", Executables.sources + "/profiles/blueprints", "--json")
        let checked = try #require(try json(done).arrayValue)
        #expect(checked.count == 3)
        for one in checked {
            #expect(one["valid"] == .bool(true), "\(one.compactText)")
            for flaw in one["flaws"]?.arrayValue ?? [] {
                #expect(flaw["message"]?.stringValue?.contains("cannot run") == true, "\(flaw.compactText)")
            }
        }
    }

    @Test("the schema that is printed is the file")
    func schema() throws {
        let file = try #require(contents(Executables.sources + "/profiles/blueprint-schema.json"))
        #expect(Array(try run("schema").text.utf8) == file)
    }

    @Test(
        "words that mean nothing are errors",
        arguments: [
            ["apply"], ["show"], ["show", "library"], ["frobnicate"], ["list", "x"], ["history", "a/b", "c/d"],
        ])
    func misuse(_ words: [String]) throws {
        #expect(try sallyport.command(["blueprint"] + words).run().code == 125)
    }

    @Test("a repository that is not there is told as such", arguments: ["show", "remove", "history"])
    func missing(_ verb: String) throws {
        let done = try run(verb, "team/none")
        #expect(done.code == 1 && done.errorText.contains("there is no blueprint for team/none"))
    }
}
