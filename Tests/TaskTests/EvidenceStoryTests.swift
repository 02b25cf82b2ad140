// SPDX-License-Identifier: Apache-2.0
import Delivery
import Documents
import LinuxSystem
import TestSupport
import Testing

/// Bundles that the host itself signed, with something in them that the host would not have written.
@Suite("evidence that contradicts itself", .timeLimit(.minutes(5)))
struct EvidenceStoryTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let script: String
        let file: String
        let problem: String
    }

    static let cases = [
        Case(
            testDescription: "the branch is at another commit",
            script: "git -C result.git update-ref refs/heads/$BRANCH base",
            file: "result.git", problem: "another commit at refs/heads/sallyport/"),
        Case(
            testDescription: "the base is at another commit",
            script: "git -C result.git update-ref refs/heads/base $COMMIT",
            file: "result.git", problem: "another commit at refs/heads/base"),
        Case(
            testDescription: "there is another branch", script: "git -C result.git update-ref refs/heads/more base",
            file: "result.git", problem: "other branches"),
        Case(
            testDescription: "there is a tag", script: "git -C result.git update-ref refs/tags/more base",
            file: "result.git", problem: "other branches"),
        Case(
            testDescription: "the patch does something else", script: "sed -i s/fixed/fixedd/ result.patch",
            file: "result.patch", problem: "not the difference"),
        Case(
            testDescription: "the patch is cut", script: "truncate -s -4 result.patch", file: "result.patch",
            problem: "not the difference"),
        Case(
            testDescription: "the patch goes on", script: "echo more >>result.patch", file: "result.patch",
            problem: "not the difference"),
        Case(
            testDescription: "the bundle brings another branch",
            script: "sed -i '1,4s, refs/heads/sallyport/, refs/heads/sallyporx/,' result.bundle", file: "result.bundle",
            problem: "another header"),
        Case(
            testDescription: "the outcome is another",
            script: "sed -i 's/\"outcome\": \"verified\"/\"outcome\": \"delivered\"/' evidence.json",
            file: "evidence.json", problem: "another outcome than the statement"),
        Case(
            testDescription: "the commit is another", script: "sed -i s/$COMMIT/$BASE/ evidence.json",
            file: "evidence.json",
            problem: "another delivered commit"),
        Case(
            testDescription: "a log has another digest", script: "echo more >>work.log; KEEP=1", file: "evidence.json",
            problem: "another digest of work.log"),
        Case(
            testDescription: "a file is not in it", script: "echo more >more", file: "evidence.json",
            problem: "another digest of more"),
        Case(
            testDescription: "a plan is another", script: "echo >>work.plan.json", file: "evidence.json",
            problem: "another plan of \"work\""),
        Case(
            testDescription: "a profile is another", script: "echo >>after.profile.txt", file: "evidence.json",
            problem: "another profile of \"after\""),
        Case(
            testDescription: "the prompt is another", script: "echo more >>prompt.md", file: "evidence.json",
            problem: "another digest of prompt.md under \"prompt\""),
        Case(
            testDescription: "the opening is another", script: "echo >>opening.json", file: "evidence.json",
            problem: "another digest of opening.json under \"opening\""),
        Case(
            testDescription: "the opening is quoted and gone", script: "rm opening.json", file: "evidence.json",
            problem: "lists opening.json"),
        Case(
            testDescription: "the opening tells of another base",
            script: "sed -i s/$BASE/$COMMIT/ opening.json; QUOTE=opening.json", file: "opening.json",
            problem: "another base than evidence.json"),
        Case(
            testDescription: "the opening tells of another sandbox",
            script: "sed -i 's/\"plan_digest\": *\"./&f/' opening.json; QUOTE=opening.json", file: "opening.json",
            problem: "another sandbox"),
        Case(
            testDescription: "a name stands twice in it",
            script: "sed -i '0,/\"task\"/s//\"task\": \"x\", \"task\"/' evidence.json",
            file: "evidence.json", problem: "a name that was there before"),
        Case(
            testDescription: "it is nothing", script: ": >evidence.json", file: "evidence.json", problem: "is no JSON"),
    ]

    @Test("is not valid, whoever signed it", .requires(.root), .requires(.git), .requires(.runner), arguments: cases)
    func contradictions(_ c: Case) throws {
        let bundle = try BundleScene()
        // Sealed again without a change it is as good as before: what is found below is the change.
        try bundle.reseal()
        let good = try bundle.verify()
        try #require(good.code == 0, "\(good.problems) \(good.finished.errorText)")
        try change(bundle, c.script)
        try bundle.reseal()
        let answer = try bundle.verify()
        #expect(answer.code == 1 && answer.files == [c.file], "\(answer.files) \(answer.finished.errorText)")
        #expect(answer.problems.contains(c.problem), "\(answer.problems)")
        let shown = try bundle.scene.sallyport.command(["evidence", "show", bundle.directory]).run()
        #expect(shown.code == 1 && shown.text.hasPrefix("NOT VALID") && !shown.text.contains("observed by"))
    }

    /// Runs a script in the bundle, and enters the new digests of what it changed into evidence.json.
    private func change(_ bundle: BundleScene, _ script: String) throws {
        let evidence = try JSON.read(try #require(contents(bundle.at("evidence.json"))), file: "evidence.json")
        let before = try #require(evidence["files"]?.objectValue)
        let values = [
            "BRANCH": evidence["delivered"]?["branch"]?.stringValue,
            "COMMIT": evidence["delivered"]?["commit"]?.stringValue,
            "BASE": evidence["base"]?["commit"]?.stringValue,
        ]
        let head = try values.map { "\($0.key)=\(try #require($0.value)); " }.joined()
        try bundle.shell(head + script)
        guard !script.contains("KEEP") else { return }
        for file in before {
            guard let bytes = contents(bundle.at(file.name)), let old = file.value.stringValue else { continue }
            guard Digest.sha256(bytes) != old else { continue }
            let (name, new) = (file.name, Digest.sha256(bytes))
            // Some are named by their digests elsewhere too: there the contradiction has to stay, unless it is in the file.
            let isQuoted = script.contains("QUOTE=\(name)")
            let (place, label) = isQuoted ? ("", "") : ("/\"files\": {/,$", "\"\(name)\": \"")
            try bundle.shell("sed -i '\(place)s/\(label)\(old)/\(label)\(new)/' evidence.json")
        }
    }
}
