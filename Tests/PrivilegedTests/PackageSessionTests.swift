// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// Packages through the broker, with the clients of this host; judged by what the indexes were asked.
@Suite("packages of a session", .requires(.root), .timeLimit(.minutes(15)))
struct PackageSessionTests {
    private static let own: JSON = ["acme-tool": [["version": "1.0"]]]
    /// What a stranger has published, of a name that is none of theirs too.
    private static let rest: JSON = [
        "acme-tool": [["version": "99.0"]], "common-lib": [["version": "1.5"]],
        "fresh": [["version": "1.0", "days": 30], ["version": "2.0", "days": 1]],
        "scripted": [["version": "1.0"], ["version": "2.0", "source": true]],
    ]
    private static let tell = "cd /tmp/had && /usr/bin/python3 -B -c "

    @Test(
        "a name comes from the index that it belongs to, and no other hears of it",
        .requires(.pip))
    func owned() throws {
        let scene = try PackageScene(own: Self.own, rest: Self.rest)
        // Without the broker the client takes the larger number, wherever it is from.
        let target = try scene.sallyport.home.directory("target")
        let loose = try Command(
            "/bin/bash",
            [
                "-c",
                "\(PackageScene.pip) install -q --no-deps --target \(target) --index-url \(scene.rest.url)/ "
                    + "--extra-index-url http://\(PackageScene.password)@127.0.0.1:\(scene.own.port)/simple/ "
                    + "acme-tool && cat \(target)/acme_tool.py",
            ]
        ).run()
        #expect(loose.text.contains("INDEX = 'rest'") && loose.text.contains("99.0"), "\(loose.errorText)")

        let before = (own: scene.own.requests.count, rest: scene.rest.requests.count)
        let run = try scene.run(
            "\(PackageScene.install) Acme_Tool common-lib && \(Self.tell)"
                + "'import acme_tool as a, common_lib as c; print(a.INDEX, a.VERSION, c.INDEX, c.VERSION)'; env")
        #expect(run.lines.first == "own 1.0 rest 1.5", "\(run.text)\(run.errorText)")
        let own = scene.own.requests.dropFirst(before.own)
        let rest = scene.rest.requests.dropFirst(before.rest)
        #expect(own.count == 2 && own.allSatisfy { $0.contains("acme-tool") }, "\(own)")
        #expect(rest.count == 2 && rest.allSatisfy { $0.contains("common-lib") }, "\(rest)")
        // The password goes to its own index, and to nobody inside.
        #expect(own.allSatisfy { $0.contains("Basic ") } && rest.allSatisfy { $0.hasSuffix(" -") }, "\(rest)")
        #expect(!run.text.contains("canary") && run.text.contains("PIP_INDEX_URL=http://packages.internal/simple/"))

        let lines = try scene.ledger(of: run)
        let told = lines.map { "\($0["event"]?.stringValue ?? "") \($0["index"]?.stringValue ?? "")" }.sorted()
        #expect(told == ["package.file own", "package.file rest", "package.page own", "package.page rest"])
        let packages = run.result?["packages"]
        #expect(packages?["pages"]?.intValue == 2 && packages?["files"]?.intValue == 2, "\(lines)")
        #expect(packages?["refused"]?.intValue == 0 && packages?["lost"]?.isNull == true)
    }

    @Test(
        "nothing is published: every other method is refused by name and no index hears of it",
        .requires(.pip))
    func published() throws {
        let scene = try PackageScene(own: Self.own, rest: Self.rest)
        // The door is open from outside: the index takes what it is sent.
        let open = try Command(
            "/usr/bin/curl",
            ["-sS", "-d", "x", "-w", "%{http_code}", "http://127.0.0.1:\(scene.rest.port)/legacy/"]
        ).run()
        #expect(open.text.hasSuffix("200"), "\(open.text)")
        let before = scene.own.requests.count + scene.rest.requests.count
        let run = try scene.run(
            """
            for method in POST PUT DELETE PATCH; do
                curl -sS -X $method -d upload -w '\\n%{http_code}\\n' http://packages.internal/simple/common-lib/
            done
            curl -sS -F ':action=file_upload' -F 'content=@/etc/passwd' -o /dev/null -w '%{http_code}\\n' http://packages.internal/legacy/
            curl -sS -o /dev/null -w '%{http_code}\\n' --path-as-is 'http://packages.internal/simple/../legacy/'
            curl -sS -o /dev/null -w '%{http_code}\\n' 'http://packages.internal/simple/common-lib/?leak=secret'
            curl -sS -o /dev/null -w '%{http_code}\\n' -H 'Host: 127.0.0.1:\(scene.rest.port)' http://packages.internal/simple/common-lib/
            curl -sS -o /dev/null -w 'past %{http_code}\\n' http://127.0.0.1:\(scene.rest.port)/simple/common-lib/
            """)
        let told = run.lines.filter { $0.contains("\"method_refused\"") }
        #expect(told.count == 4, "\(run.text)\(run.errorText)")
        #expect(run.lines.filter { $0 == "405" }.count == 5, "\(run.text)")
        #expect(run.lines.suffix(4) == ["404", "404", "421", "past 000"], "\(run.text)")
        #expect(scene.own.requests.count + scene.rest.requests.count == before, "\(scene.rest.requests)")
        #expect(run.result?["packages"]?["refused"]?.intValue == 8)
    }

    @Test(
        "a version that is younger than the operator's rule is not there, nor can its file be had",
        .requires(.pip))
    func young() throws {
        let script = """
            \(PackageScene.install) fresh && \(Self.tell)'import fresh; print(fresh.VERSION)'
            curl -sS http://packages.internal/files/fresh/fresh-2.0-py3-none-any.whl | head -c 200; echo
            """
        let open = try PackageScene(own: Self.own, rest: Self.rest)
        let control = try open.run(script)
        #expect(control.lines.first == "2.0", "\(control.text)\(control.errorText)")

        let scene = try PackageScene(own: Self.own, rest: Self.rest, restRules: "    min_age_days: 7")
        let run = try scene.run(script)
        #expect(run.lines.first == "1.0" && run.text.contains("\"file_not_listed\""), "\(run.text)\(run.errorText)")
        #expect(run.result?["packages"]?["hidden"]?.intValue == 1)
        #expect(!scene.rest.requests.contains { $0.contains("fresh-2.0") }, "\(scene.rest.requests)")
        #expect(try scene.ledger(of: run).first?["hidden"]?["young"]?.intValue == 1)

        // An index that does not say is not believed to be old.
        let mute = try PackageScene(
            own: Self.own, rest: Self.rest, restForm: "html", restRules: "    min_age_days: 7")
        let none = try mute.run(script)
        #expect(none.lines.first != "1.0" && none.lines.first != "2.0", "\(none.text)")
        #expect(try mute.ledger(of: none).first?["hidden"]?["undated"]?.intValue == 2)
    }

    @Test(
        "where only wheels are shown, nothing of a package runs while it is installed",
        .requires(.pip))
    func wheelsOnly() throws {
        let script = "\(PackageScene.install) scripted && \(Self.tell)'import scripted; print(scripted.VERSION)'"
        let open = try PackageScene(own: Self.own, rest: Self.rest)
        let control = try open.run(script)
        #expect(
            (control.text + control.errorText).contains("code of a package ran"), "\(control.text)\(control.errorText)")
        let scene = try PackageScene(own: Self.own, rest: Self.rest, restRules: "    wheels_only: true")
        let run = try scene.run(script)
        #expect(run.lines == ["1.0"], "\(run.text)\(run.errorText)")
    }

    @Test(
        "a page in the older form serves as well, to clients of either form", .requires(.pip))
    func html() throws {
        let scene = try PackageScene(own: Self.own, rest: Self.rest, restForm: "html")
        let run = try scene.run(
            """
            \(PackageScene.install) common-lib && \(Self.tell)'import common_lib as c; print(c.INDEX, c.VERSION)'
            curl -sS http://packages.internal/simple/common-lib/ | grep -c '/files/common-lib/common_lib-1.5-py3-none-any.whl#sha256='
            curl -sS -I -o /dev/null -w '%{http_code}\\n' http://packages.internal/files/common-lib/common_lib-1.5-py3-none-any.whl
            """)
        #expect(run.lines == ["rest 1.5", "1", "200"], "\(run.text)\(run.errorText)")
    }

    @Test(
        "a name of nobody's is asked of no index; an index that fails, moves or repeats the password is told and not followed",
        .requires(.pip))
    func refused() throws {
        let pages: JSON = [
            "acme-moved": ["redirect": "/simple/acme-tool/"], "acme-away": ["redirect": "http://127.0.0.1:1/x"],
            "acme-echo": ["echo": true], "acme-ill": ["status": 500],
        ]
        let scene = try PackageScene(own: Self.own, rest: Self.rest, pages: pages)
        let names = ["nobodys", "acme-moved", "acme-away", "acme-echo", "acme-ill", "acme-none"]
        let run = try scene.run(
            names.map {
                "curl -sS -o /tmp/a -w '\($0) %{http_code} ' http://packages.internal/simple/\($0)/; head -c 400 /tmp/a; echo"
            }.joined(separator: "\n"))
        let told = Dictionary(
            names.map { name in (name, run.lines.first { $0.hasPrefix(name + " ") } ?? "") }
        ) { first, _ in first }
        #expect(told["nobodys"]?.contains("404 {\"reason\":\"package_not_served\"") == true, "\(run.text)")
        #expect(told["acme-moved"]?.contains(" 200 ") == true, "\(run.text)")
        for name in ["acme-away", "acme-echo", "acme-ill"] {
            #expect(told[name]?.contains("502 {\"reason\":\"index_failed\"") == true, "\(run.text)")
        }
        #expect(told["acme-none"]?.contains("404 {\"reason\":\"file_not_listed\"") == true, "\(run.text)")
        #expect(!run.text.contains("Basic ") && !run.text.contains("canary"), "\(run.text)")
        let asked = scene.own.requests + scene.rest.requests
        #expect(!asked.contains { $0.contains("nobodys") } && scene.rest.requests.isEmpty, "\(asked)")
        #expect(run.result?["packages"]?["failed"]?.intValue == 3)
    }

    @Test("a profile that leads past the broker is refused before anything runs", .requires(.pip))
    func around() throws {
        let scene = try PackageScene(own: Self.own, rest: Self.rest)
        let profile = try scene.sallyport.home.file(
            "wide.yaml",
            "version: 1\nextends: [strict]\nreason: a test\n"
                + "egress: {rules: [{registry: pip, reason: a test}]}\n")
        let run = try scene.sallyport.run(
            profile: profile, options: ["--packages", scene.file], ["/bin/echo", "ran"])
        #expect(run.code == 125 && run.text.isEmpty, "\(run.text)")
        #expect(run.errorText.contains("past packages.internal"), "\(run.errorText)")
    }
}
