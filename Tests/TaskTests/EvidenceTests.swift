// SPDX-License-Identifier: Apache-2.0
import Documents
import Foundation
import Glibc
import TestSupport
import Testing

extension HostNeed {
    static let openssl = HostNeed("openssl") { access("/usr/bin/openssl", X_OK) == 0 }
}

@Suite("evidence bundle", .timeLimit(.minutes(25)))
struct EvidenceTests {
    @Test(
        "a bundle that was copied elsewhere verifies for somebody else, with the public key alone",
        .requires(.root), .requires(.git), .requires(.runner))
    func copied() throws {
        let bundle = try BundleScene()
        let home = bundle.scene.sallyport.home
        let elsewhere = try home.directory("elsewhere")
        for program in ["sallyport", "sallyport-task"] {
            try bundle.shell("cp \"$1\" \"$2\"", [Executables.path(program), elsewhere])
        }
        try bundle.shell("cp -r . ../elsewhere/copy; cp \"$1\" ../elsewhere/", [bundle.state + "/keys/evidence.pub"])
        try bundle.shell("chmod -R go=rX elsewhere && rm -rf delivered", in: home.path)
        let stranger = ["evidence", "verify", elsewhere + "/copy"]
        func look(_ options: [String]) throws -> Finished {
            var command = OrdinaryUser.unprivileged(elsewhere + "/sallyport", stranger + options)
            command.environment["HOME"] = elsewhere
            return try command.run()
        }
        let done = try look(["--key", elsewhere + "/evidence.pub"])
        #expect(done.code == 0 && done.text.hasPrefix("valid "), "\(done.text)\(done.errorText)")
        // Without a key nobody can say anything.
        let without = try look([])
        #expect(without.code == 125 && without.errorText.contains("this host has no key of its own"))
    }

    @Test(
        "another host's key does not verify it, and a statement signed by that host does not pass for ours",
        .requires(.root), .requires(.git), .requires(.runner))
    func foreign() throws {
        let bundle = try BundleScene()
        let other = try BundleScene()
        #expect(try bundle.verify().code == 0)
        let answer = try bundle.verify(nil, ["--key", other.state + "/keys/evidence.pub"])
        #expect(answer.code == 1 && answer.files == ["evidence.dsse.json"])
        try bundle.shell("cp \"$1\" evidence.dsse.json", [other.at("evidence.dsse.json")])
        #expect(try bundle.verify().files == ["evidence.dsse.json"])
        #expect(try bundle.verify(nil, ["--key", other.state + "/keys/evidence.pub"]).files == ["manifest.json"])
        try bundle.shell("cp \"$1\" manifest.json", [other.at("manifest.json")])
        let swapped = try bundle.verify(nil, ["--key", other.state + "/keys/evidence.pub"])
        #expect(swapped.code == 1 && swapped.files.contains("evidence.json"))
    }

    @Test(
        "one changed byte anywhere is found in its file, and in the audit in its record",
        .requires(.root), .requires(.git), .requires(.runner))
    func flipped() throws {
        let bundle = try BundleScene()
        var flips = 0
        for file in try bundle.files() {
            let size = try #require(contents(bundle.at(file))).count
            guard size > 0 else { continue }
            let thorough = ["audit.jsonl", "evidence.dsse.json", "manifest.json"].contains(file)
            let inside = (0..<(thorough ? 24 : 3)).map { _ in Int.random(in: 0..<size) }
            for offset in Set([0, size / 2, size - 1] + inside) {
                let bit = UInt8(1) << UInt8.random(in: 0..<8)
                var record = 0
                let answer = try bundle.changing(file) { bytes in
                    record = bytes[..<offset].count { $0 == 0x0A }
                    var changed = bytes
                    changed[offset] ^= bit
                    return changed
                }
                #expect(
                    answer.code == 1 && answer.files == [file], "\(file) byte \(offset) bit \(bit): \(answer.files)")
                #expect(answer.records == (file == "audit.jsonl" ? [record] : []), "byte \(offset) bit \(bit)")
                flips += 1
            }
        }
        #expect(flips > 100)
        // What was put back is what was signed.
        let whole = try bundle.verify()
        #expect(whole.code == 0 && whole.isValid == true, "\(whole.problems)")
    }

    @Test(
        "a file that is cut, longer, gone or of another kind is named",
        .requires(.root), .requires(.git), .requires(.runner))
    func files() throws {
        let bundle = try BundleScene()
        for file in try bundle.files() {
            let longer = try bundle.changing(file) { $0 + [0x0A] }
            #expect(longer.code == 1 && longer.files == [file], "\(file) longer: \(longer.files)")
            if contents(bundle.at(file))?.isEmpty == false {
                let cut = try bundle.changing(file) { Array($0.dropLast()) }
                #expect(cut.code == 1 && cut.files == [file], "\(file) cut: \(cut.files)")
            }
            for (what, script) in [
                ("gone", "true"), ("a link to itself", "ln -s \"$2\" \"$1\""), ("a pipe", "mkfifo \"$1\""),
                ("a directory", "mkdir \"$1\""), ("a device", "mknod \"$1\" c 1 5"),
            ] {
                let kept = bundle.scene.sallyport.home.at("kept")
                try bundle.shell("mv \"$1\" \"$2\"; " + script, [file, kept])
                let answer = try bundle.verify()
                try bundle.shell("rm -rf \"$1\"; mv \"$2\" \"$1\"", [file, kept])
                #expect(answer.code == 1 && answer.files == [file], "\(file) \(what): \(answer.files)")
            }
        }
        #expect(try bundle.verify().code == 0)
    }

    @Test(
        "what does not belong to the bundle is named, and not looked into",
        .requires(.root), .requires(.git), .requires(.runner))
    func surplus() throws {
        let bundle = try BundleScene()
        let copy = bundle.scene.sallyport.home.at("copy")
        func fresh() throws { try bundle.shell("rm -rf \"$1\"; cp -a . \"$1\"", [copy]) }
        try fresh()
        #expect(try bundle.verify(copy).code == 0)
        for (script, name) in [
            ("echo x > more", "more"), ("mkdir -p more/and/more", "more"), ("ln -s /etc/passwd more", "more"),
            ("mkfifo result.git/refs/more", "result.git/refs/more"), ("truncate -s 8T more", "more"),
            ("printf x > 'a\u{1B}[31mb'", "a\\u{1b}[31mb"),
            ("printf x > \"$(printf 'prompt.md\\377')\"", "prompt.md\u{FFFD}"),
            ("rm -r result.git/refs/heads/sallyport", "result.git/refs/heads/sallyport"),
            ("mkdir -p evidence.json2", "evidence.json2"),
            ("mv result.git/refs/heads x; ln -s ../../x result.git/refs/heads", "result.git/refs/heads"),
        ] {
            try fresh()
            try bundle.shell(script, in: copy)
            let answer = try bundle.verify(copy)
            #expect(answer.code == 1 && answer.files.contains(name), "\(script): \(answer.files)")
            let text = try bundle.scene.sallyport.command(["evidence", "verify", copy]).run()
            #expect(text.code == 1 && text.text.hasPrefix("NOT VALID") && !text.output.contains(0x1B), "\(script)")
        }
    }

    @Test("files that changed places are both named", .requires(.root), .requires(.git), .requires(.runner))
    func swapped() throws {
        let bundle = try BundleScene()
        for (one, other) in [
            ("before.result.json", "after.result.json"), ("before.plan.json", "work.plan.json"),
            ("work.log", "prompt.md"),
        ] {
            try bundle.shell("mv \"$1\" x; mv \"$2\" \"$1\"; mv x \"$2\"", [one, other])
            let answer = try bundle.verify()
            #expect(answer.code == 1 && answer.files.sorted() == [one, other].sorted(), "\(answer.files)")
            try bundle.shell("mv \"$1\" x; mv \"$2\" \"$1\"; mv x \"$2\"", [one, other])
        }
        let records = try bundle.changing("audit.jsonl") { bytes in
            var lines = bytes.split(separator: 0x0A)
            lines.swapAt(2, 3)
            return lines.flatMap { $0 + [0x0A] }
        }
        #expect(records.files == ["audit.jsonl"] && !records.records.isEmpty)
    }

    @Test(
        "thousands of files that do not belong there are not all listed", .requires(.root), .requires(.git),
        .requires(.runner))
    func crowd() throws {
        let bundle = try BundleScene()
        try bundle.shell("mkdir x; cd x; seq 5000 | xargs touch; cd ..; seq -f more%g 3000 | xargs touch")
        let answer = try bundle.verify()
        #expect(answer.code == 1 && answer.findings.count == 100 && answer.json?["cut"]?.boolValue == true)
    }

    @Test(
        "OpenSSL alone comes to the same, by the commands of docs/evidence.md", .requires(.root), .requires(.git),
        .requires(.runner), .requires(.openssl))
    func openssl() throws {
        let bundle = try BundleScene()
        let page = try #require(text(Executables.sources + "/docs/evidence.md"))
        let start = try #require(page.range(of: "<!-- openssl -->\n```\n"))
        let rest = page[start.upperBound...]
        let script = String(rest[..<(try #require(rest.range(of: "\n```"))).lowerBound])
        func run() throws -> Finished {
            var command = Command(
                "/bin/sh",
                [
                    "-c", "set -e; BUNDLE=$1; KEY=$2\n" + script, "sh", bundle.directory,
                    bundle.state + "/keys/evidence.pub",
                ])
            command.directory = try bundle.scene.sallyport.home.directory("check")
            return try command.run()
        }
        let good = try run()
        #expect(good.code == 0 && good.text.contains("Signature Verified Successfully"), "\(good.errorText)")
        let manifest = try #require(bundle.verify().json?["manifest"]?.stringValue)
        #expect(good.text.contains(manifest))
        let statement = try JSONParser.parse(
            try #require(contents(bundle.scene.sallyport.home.at("check/statement.json"))))
        #expect(statement["subject"]?.arrayValue?.last?["digest"]?["sha256"]?.stringValue == manifest)
        // And it would have said so.
        let envelope = try #require(text(bundle.at("evidence.dsse.json")))
        let payload = try #require(envelope.range(of: "\"payload\": \"eyJ"))
        try bundle.overwrite(
            "evidence.dsse.json", Array(envelope.replacingCharacters(in: payload, with: "\"payload\": \"eyK").utf8))
        #expect(try run().code != 0)
    }
}
