// SPDX-License-Identifier: Apache-2.0
import Delivery
import Documents
import LinuxSystem
import TestSupport
import Testing

/// Bundles that the host itself signed, with something in them that the host would not have written.
@Suite("evidence that contradicts itself", .timeLimit(.minutes(25)))
struct EvidenceStoryTests {
    struct Case: Sendable {
        let description: String
        let script: String
        /// The statement is made of the changed evidence: by a host that tells its story throughout.
        let anew: Bool
        let file: String
        let problem: String

        init(description: String, script: String, file: String, problem: String) {
            (self.description, self.script, anew, self.file, self.problem) = (description, script, false, file, problem)
        }

        init(description: String, anewScript script: String, file: String, problem: String) {
            (self.description, self.script, anew, self.file, self.problem) = (description, script, true, file, problem)
        }
    }

    /// Cases that one bundle is enough for.
    struct Chapter: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let cases: [Case]
    }

    static let chapters = [
        Chapter(testDescription: "the files that are delivered", cases: delivered),
        Chapter(testDescription: "the bundle's pack", cases: packs),
        Chapter(testDescription: "evidence, manifest and opening", cases: documents),
        Chapter(testDescription: "the statement", cases: statements),
        Chapter(testDescription: "the sandboxes", cases: sandboxes),
        Chapter(testDescription: "the outcome", cases: outcomes),
        Chapter(testDescription: "the audit", cases: audits),
    ]

    @Test("is not valid, whoever signed it", .requires(.root), .requires(.git), .requires(.runner), arguments: chapters)
    func contradictions(_ chapter: Chapter) throws {
        try hold(try BundleScene(), chapter.cases)
    }

    @Test(
        "is not valid when it is about what a forge got", .requires(.root), .requires(.git), .requires(.runner),
        arguments: [
            Chapter(testDescription: "a pull request", cases: opened),
            Chapter(testDescription: "what was asked for", cases: asked),
            Chapter(testDescription: "a review", cases: reviewed),
        ])
    func deliveries(_ chapter: Chapter) throws {
        let scene = try ForgeScene()
        try scene.issue(3, body: "It is broken.")
        try scene.pull(5)
        let isReview = chapter.testDescription == "a review"
        let done =
            isReview
            ? try scene.task(["--type", "pr_review", "--pr", "5"], agent: Self.finding)
            : try scene.task(["--issue", "3"], agent: "echo fixed > file")
        try #require(done.outcome == (isReview ? "review_posted" : "verified"), "\(done.finished.errorText)")
        try hold(BundleScene(scene.scene, done.directory), chapter.cases)
    }

    private static let finding =
        "printf '%s' '{\"version\": 1, \"summary\": \"s\", \"findings\": [{\"file\": \"file\", \"line\": 1, "
        + "\"severity\": \"major\", \"comment\": \"only half\"}]}' > $SALLYPORT_FINDINGS"

    private func hold(_ original: BundleScene, _ cases: [Case]) throws {
        // Sealed again without a change it is as good as before: what is found below is the change.
        for anew in [false, true] {
            try original.reseal(anew: anew)
            let good = try original.verify()
            try #require(good.code == 0, "\(good.problems) \(good.finished.errorText)")
        }
        for (number, c) in cases.enumerated() {
            let bundle = try original.copied("copy\(number)")
            try change(bundle, c.script)
            try bundle.reseal(anew: c.anew)
            let answer = try bundle.verify()
            #expect(
                answer.code == 1 && answer.files == [c.file],
                "\(c.description): \(answer.files) \(answer.finished.errorText)")
            #expect(answer.problems.contains(c.problem), "\(c.description): \(answer.problems)")
            let shown = try bundle.scene.sallyport.command(["evidence", "show", bundle.directory]).run()
            #expect(
                shown.code == 1 && shown.text.hasPrefix("NOT VALID") && !shown.text.contains("observed by"),
                "\(c.description)")
        }
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
        let head = values.map { "\($0.key)=\($0.value ?? ""); " }.joined()
        try bundle.shell(head + Self.tools + script)
        try bundle.rechain()
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

    /// `drop FILE` takes a file and its digest out of the evidence; `pack` makes the bundle's pack of the objects on its
    /// standard input.
    private static let tools = #"""
        drop() {
            rm "$1"
            sed -zi 's/,\n *"'$1'": "[0-9a-f]*"//; t; s/"'$1'": "[0-9a-f]*",\n *//' evidence.json
        }
        pack() {
            sed '/^$/q' result.bundle >header
            git -C result.git pack-objects --quiet --stdout | cat header - >packed
            rm header
            mv packed result.bundle
        }

        """#
}
