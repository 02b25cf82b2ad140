// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

@Suite("lines that a task changed", .requires(.root), .requires(.git), .requires(.runner), .timeLimit(.minutes(25)))
struct ChangedLinesTaskTests {
    @Test("O9: the evidence tells which step changed which lines of which files, and a verifier finds the same")
    func told() throws {
        let scene = try TaskScene()
        let done = try scene.task(
            agent: """
                printf 'one\\ntwo\\n' > more; head -c 9 /dev/zero > data; git add .; git commit -qm 'Add two'
                git mv more moved; git commit -qm 'Rename it'
                echo fixed > file
                """)
        try #require(done.outcome == "verified", "\(done.finished.errorText)")
        let changes = try #require(done.evidence?["delivered"]?["changes"])
        let commits = try #require(changes["commits"]?.arrayValue)
        #expect(changes["cut"] == false && commits.allSatisfy { $0["step"] == "agent" })
        #expect(commits.map { $0["claimed"] } == [.null, .null, "safety_net"])
        #expect(commits.last?["commit"] == done.evidence?["delivered"]?["commit"])
        let files = commits.map { ($0["files"]?.arrayValue ?? []) }
        #expect(files[0].map { $0["path"] } == ["data", "more"])
        #expect(files[0].map { $0["binary"] } == [true, false])
        #expect(files[0][1]["lines"] == [[1, 2]] && files[0][1]["kind"] == "added")
        #expect(files[1].count == 1 && files[1][0]["kind"] == "renamed" && files[1][0]["previous"] == "more")
        #expect(files[2][0]["path"] == "file" && files[2][0]["lines"] == [[1, 1]] && files[2][0]["removed"] == 1)
        let shown = try scene.sallyport.command(["evidence", "show", done.directory]).run()
        #expect(shown.code == 0, "\(shown.text)")
        for line in [
            "added data, binary", "added more, lines 1-2", "renamed more -> moved", "modified file, lines 1, 1 removed",
            "claims to be edits that were not committed",
        ] { #expect(shown.text.contains(line), "\(line) in \(shown.text)") }
    }
}
