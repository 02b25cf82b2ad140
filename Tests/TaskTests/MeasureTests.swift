// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// What a project's own command measures on both commits, and the files that it leaves.
@Suite(
    "measurements", .serialized, .requires(.root), .requires(.git), .requires(.runner), .timeLimit(.minutes(25)))
struct MeasureTests {
    /// A picture, a report, and a figure that tells both commits apart.
    private static let command = #"""
        cd $SALLYPORT_ARTIFACTS && printf '\211PNG\r\n\032\n....' > shot.png && cat /workspace/file > report.txt
        printf 'length\t%s\tbytes\n' "$(wc -c < /workspace/file)" > figures.tsv; ln -s /etc/passwd link; mkfifo pipe
        """#

    @Test("figures of both commits stand beside each other, files lie in the evidence, and the pull request names both")
    func compared() throws {
        let scene = try ForgeScene()
        try scene.issue(3, body: "The file says broken.")
        let done = try scene.task(
            ["--issue", "3", "--measure-command", Self.command], agent: "echo fixed > file; ls /tmp > seen")
        #expect(done.outcome == "verified", "\(done.finished.errorText)")
        let measured = try #require(done.evidence?["measurements"])
        func figures(_ phase: String) -> [JSON]? { measured[phase]?["figures"]?.arrayValue }
        #expect(figures("before") == [["name": "length", "value": "7", "unit": "bytes"]])
        #expect(figures("after") == [["name": "length", "value": "6", "unit": "bytes"]])
        let files = measured["after"]?["files"]?.arrayValue ?? []
        // No link is followed and no pipe is waited for.
        #expect(
            Set(files.compactMap { $0["file"]?.stringValue }) == [
                "declared/after/shot.png", "declared/after/report.txt", "declared/after/figures.tsv",
            ])
        for file in files {
            let path = done.directory + "/" + (file["file"]?.stringValue ?? "")
            let digest = try Command("/usr/bin/sha256sum", [path]).run().text.prefix(64)
            #expect(file["sha256"]?.stringValue == String(digest), "\(path)")
        }
        #expect(text(done.directory + "/declared/before/report.txt") == "broken\n")
        let body = try #require(try scene.record("pulls/4")["body"]?.stringValue)
        #expect(body.contains("| length | 7 bytes | 6 bytes | -14.3 % |"), "\(body)")
        #expect(body.contains("- shot.png (png, sha256 "), "\(body)")
        let answer = try scene.scene.sallyport.command(["evidence", "verify", done.directory]).run()
        #expect(answer.code == 0, "\(answer.text)\(answer.errorText)")
        let shown = try scene.scene.sallyport.command(["evidence", "show", done.directory]).run().text
        #expect(shown.contains("measured: length 6 bytes (before: 7)"), "\(shown)")
        // Changed afterwards it is found.
        let report = done.directory + "/declared/after/report.txt"
        #expect(try Command("/bin/sh", ["-c", "echo better > \"$1\"", "sh", report]).run().code == 0)
        #expect(try scene.scene.sallyport.command(["evidence", "verify", done.directory]).run().code == 1)
    }

    @Test("it decides nothing: what fails, leaves nothing or leaves what is not taken is told")
    func undecided() throws {
        for (command, outcome, refusal) in [
            ("exit 3", "failed", nil), ("true", "passed", nil),
            ("head -c 100 /dev/urandom > $SALLYPORT_ARTIFACTS/x", "passed", "neither text nor a picture"),
            ("printf 'a 1\\n' > $SALLYPORT_ARTIFACTS/figures.tsv", "passed", "line 1 of figures.tsv"),
            ("rm -rf $SALLYPORT_ARTIFACTS; echo x > $SALLYPORT_ARTIFACTS", "infra_failed", nil),
        ] as [(String, String, String?)] {
            let scene = try TaskScene()
            let done = try scene.task(agent: "echo fixed > file", options: ["--measure-command", command])
            #expect(done.finished.code == 0 && done.outcome == "verified", "\(command): \(done.finished.errorText)")
            let end = done.evidence?["measurements"]?["after"]
            #expect(end?["outcome"]?.stringValue == outcome, "\(command): \(end?.compactText ?? "")")
            #expect(end?["files"] == [])
            if let refusal {
                #expect(end?["refusal"]?.stringValue?.contains(refusal) == true, "\(end?.compactText ?? "")")
            }
            #expect(try scene.sallyport.command(["evidence", "verify", done.directory]).run().code == 0)
        }
    }
}
