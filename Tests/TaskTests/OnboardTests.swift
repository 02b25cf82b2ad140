// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

@Suite("onboarding")
struct OnboardTests {
    let scene: TaskScene

    init() throws { scene = try TaskScene() }

    func onboard(_ options: String...) throws -> Finished {
        try scene.sallyport.command(["onboard", scene.repository, "--repo", "team/library"] + options).run()
    }

    func commit(_ files: [String: String]) throws {
        for (name, text) in files { try scene.sallyport.home.file("repository/" + name, text) }
        try scene.git(scene.repository, "add", "--all")
        try scene.git(scene.repository, "commit", "--quiet", "-m", "more")
    }

    @Test("proposes a valid blueprint from what the newest commit has, and applies nothing", .requires(.root))
    func proposed() throws {
        try commit(["Makefile": "test:\n\tgrep -qx fixed file\n", "AGENTS.md": "Tabs.\n"])
        let done = try onboard()
        try #require(done.code == 0, "\(done.errorText)")
        #expect(
            done.text.contains("test_command: \"make test\"") && done.text.contains("# rules for agents: AGENTS.md"))
        #expect(done.text.contains("repository: \"\(scene.repository)\", base: \"main\""))
        let file = try scene.sallyport.home.file("proposed.yaml", done.text)
        #expect(try scene.sallyport.command(["blueprint", "validate", file]).run().code == 0)
        #expect(try scene.sallyport.command(["blueprint", "list"]).run().text.contains("no repository"))
    }

    @Test("registries that the commands need come as a profile beside it", .requires(.root))
    func profile() throws {
        try commit(["requirements.txt": "pytest\n"])
        let out = scene.sallyport.home.at("proposal")
        let done = try onboard("--out", out)
        try #require(done.code == 0, "\(done.errorText)")
        #expect(names(out) == ["blueprint.yaml", "team-library.yaml"])
        #expect(try scene.sallyport.command(["profile", "lint", out + "/team-library.yaml"]).run().code == 0)
        let blueprint = String(decoding: try #require(contents(out + "/blueprint.yaml")), as: UTF8.self)
        #expect(blueprint.contains("profile: team-library"))
        #expect(try onboard("--out", out).code == 125)
    }

    @Test("nothing of the repository is run or changed by looking", .requires(.root))
    func untouched() throws {
        let mark = scene.sallyport.home.at("ran")
        try commit([
            "Makefile": "$(shell touch \(mark))\ntest:\n\ttouch \(mark)\n",
            "package.json": "{\"scripts\":{\"test\":\"touch \(mark)\"}}",
        ])
        let before = try scene.fingerprint()
        let done = try onboard()
        try #require(done.code == 0, "\(done.errorText)")
        #expect(access(mark, F_OK) != 0 && !done.text.contains("touch"))
        #expect(try scene.fingerprint() == before)
    }

    @Test("--refresh says what has drifted, and --accept makes it the new state", .requires(.root))
    func drift() throws {
        try commit(["Makefile": "test:\n\ttrue\n"])
        #expect(try onboard("--refresh").code == 1)
        #expect(try onboard().code == 0)
        #expect(try onboard("--refresh").code == 0)
        try commit(["Makefile": "check:\n\ttrue\nlint:\n\ttrue\n", "sub-AGENTS.md": "no\n", "AGENTS.md": "yes\n"])
        let drifted = try onboard("--refresh")
        #expect(drifted.code == 1)
        #expect(drifted.text.contains("- test: \"make test\"") && drifted.text.contains("+ test: \"make check\""))
        #expect(drifted.text.contains("+ rules: [\"AGENTS.md\"]"))
        let json = try JSONParser.parse(Array(try onboard("--refresh", "--accept", "--json").text.utf8))
        #expect(json["known"] == .bool(true) && json["drift"]?.arrayValue?.isEmpty == false)
        #expect(try onboard("--refresh").code == 0)
    }

    @Test("--learn runs the commands in a sandbox and proposes the profile that they needed", .requires(.root))
    func learn() throws {
        try commit(["Makefile": "test:\n\techo built >result; cat file\n"])
        let out = scene.sallyport.home.at("learned")
        let before = try scene.fingerprint()
        let done = try onboard("--learn", "--out", out)
        try #require(done.code == 0, "\(done.errorText)")
        #expect(try scene.fingerprint() == before)
        #expect(names(out) == ["blueprint.yaml", "team-library.yaml"])
        #expect(try scene.sallyport.command(["profile", "lint", out + "/team-library.yaml"]).run().code == 0)
    }

    @Test("what is no repository, or no name, is an error with what to do", .requires(.root))
    func wrong() throws {
        let none = try scene.sallyport.command(["onboard", scene.sallyport.home.path, "--repo", "a/b"]).run()
        #expect(none.code == 125 && none.errorText.contains("no git repository"))
        let name = try scene.sallyport.command(["onboard", scene.repository, "--repo", "a"]).run()
        #expect(name.code == 125 && name.errorText.contains("OWNER/NAME"))
        #expect(try onboard("--accept").code == 125)
        #expect(try onboard("--refresh", "--learn").code == 125)
    }
}
