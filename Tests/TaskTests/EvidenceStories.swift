// SPDX-License-Identifier: Apache-2.0

/// What a host could sign and would never write. `QUOTE=FILE` in a script enters the file's new digest wherever the evidence
/// has it; `KEEP` enters none.
extension EvidenceStoryTests {
    static let delivered = [
        Case(
            description: "the branch is at another commit",
            script: "git -C result.git update-ref refs/heads/$BRANCH base",
            file: "result.git", problem: "another commit at refs/heads/sallyport/"),
        Case(
            description: "the base is at another commit",
            script: "git -C result.git update-ref refs/heads/base $COMMIT",
            file: "result.git", problem: "another commit at refs/heads/base"),
        Case(
            description: "there is another branch", script: "git -C result.git update-ref refs/heads/more base",
            file: "result.git", problem: "other branches"),
        Case(
            description: "there is a tag", script: "git -C result.git update-ref refs/tags/more base",
            file: "result.git", problem: "other branches"),
        Case(
            description: "the patch does something else", script: "sed -i s/fixed/fixedd/ result.patch",
            file: "result.patch", problem: "not the difference"),
        Case(
            description: "the patch is cut", script: "truncate -s -4 result.patch", file: "result.patch",
            problem: "not the difference"),
        Case(
            description: "the patch goes on", script: "echo more >>result.patch", file: "result.patch",
            problem: "not the difference"),
        Case(
            description: "the bundle brings another branch",
            script: "sed -i '1,4s, refs/heads/sallyport/, refs/heads/sallyporx/,' result.bundle", file: "result.bundle",
            problem: "another header"),
        Case(
            description: "the patch is there and not delivered",
            script: "sed -i 's/\"patch\": \"result.patch\"/\"patch\": null/' evidence.json", file: "evidence.json",
            problem: "delivers no result.patch, and there is one"),
        Case(
            description: "the patch is left out",
            anewScript: "drop result.patch; "
                + "sed -i 's/\"patch\": \"result.patch\"/\"patch\": null/' evidence.json", file: "result.patch",
            problem: "is missing"),
        Case(
            description: "the bundle is gone", script: "drop result.bundle", file: "evidence.json",
            problem: "delivers a result.bundle, and there is none"),
        Case(
            description: "the commit is gone and its files are there",
            anewScript: "sed -i '/^  \"delivered\": {/,/^  },/c\\  \"delivered\": null,' evidence.json",
            file: "evidence.json", problem: "delivers no result.bundle, and there is one"),
        Case(
            description: "it did not pass the gate",
            anewScript: "sed -i '/\"gate\": {/,/}/s/passed/refused/' evidence.json", file: "evidence.json",
            problem: "did not pass the push gate"),
        Case(
            description: "its commits bear another opening", anewScript: "echo >>opening.json; QUOTE=opening.json",
            file: "result.git", problem: "commits of other evidence"),
    ]

    static let packs = [
        Case(
            description: "it is damaged",
            script: "printf xxxx | dd of=result.bundle bs=1 seek=$(($(stat -c %s result.bundle) - 40)) conv=notrunc",
            file: "result.bundle", problem: "a pack that nobody can use"),
        Case(
            description: "it goes on", script: "echo >>result.bundle", file: "result.bundle",
            problem: "it does not end with its digest"),
        Case(
            description: "it is cut", script: "truncate -s -1 result.bundle", file: "result.bundle",
            problem: "it does not end with its digest"),
        Case(
            description: "it brings the commit alone", script: "echo $COMMIT | pack", file: "result.bundle",
            problem: "which whoever has the base need not have"),
        Case(
            description: "it brings the tree alone", script: "git -C result.git rev-parse $COMMIT^{tree} | pack",
            file: "result.bundle", problem: "does not bring"),
        Case(
            description: "it brings more",
            script: "{ git -C result.git rev-list --objects base..$BRANCH | cut -d' ' -f1; "
                + "git -C result.git rev-parse base:file; } | pack", file: "result.bundle",
            problem: "brings objects that are no part of"),
    ]

    static let documents = [
        Case(
            description: "the outcome is another",
            script: "sed -i 's/\"outcome\": \"verified\"/\"outcome\": \"delivered\"/' evidence.json",
            file: "evidence.json", problem: "another outcome than the statement"),
        Case(
            description: "the commit is another", script: "sed -i s/$COMMIT/$BASE/ evidence.json",
            file: "evidence.json",
            problem: "another delivered commit"),
        Case(
            description: "a log has another digest", script: "echo more >>work.log; KEEP=1", file: "evidence.json",
            problem: "another digest of work.log"),
        Case(
            description: "a file is not in it", script: "echo more >more", file: "evidence.json",
            problem: "another digest of more"),
        Case(
            description: "a plan is another", script: "echo >>work.plan.json", file: "evidence.json",
            problem: "another plan of \"work\""),
        Case(
            description: "a profile is another", script: "echo >>after.profile.txt", file: "evidence.json",
            problem: "another profile of \"after\""),
        Case(
            description: "the prompt is another", script: "echo more >>prompt.md", file: "evidence.json",
            problem: "another digest of prompt.md under \"prompt\""),
        Case(
            description: "the opening is another", script: "echo >>opening.json", file: "evidence.json",
            problem: "another digest of opening.json under \"opening\""),
        Case(
            description: "the opening is quoted and gone", script: "rm opening.json", file: "evidence.json",
            problem: "lists opening.json"),
        Case(
            description: "the opening tells of another base",
            script: "sed -i s/$BASE/$COMMIT/ opening.json; QUOTE=opening.json", file: "opening.json",
            problem: "another base than evidence.json"),
        Case(
            description: "the opening tells of another sandbox",
            script: "sed -i 's/\"plan_digest\": *\"./&f/' opening.json; QUOTE=opening.json", file: "opening.json",
            problem: "another sandbox"),
        Case(
            description: "a sandbox is another task's",
            script: "sed -i 's/\"correlation_id\": *\"/&f/' after.result.json; QUOTE=after.result.json",
            file: "evidence.json", problem: "bears another id than the record of \"after\""),
        Case(
            description: "another line is said to have changed",
            anewScript: "sed -i '/\"changes\": {/,/\"removed\"/s/\"removed\": */&1/' evidence.json",
            file: "evidence.json", problem: "other changed lines than its commits"),
        Case(
            description: "what is said of changed lines is nothing",
            anewScript: "sed -i '/\"changes\": {/,/\"cut\"/s/\"step\": *\"agent\"/\"step\": \"host\"/' evidence.json",
            file: "evidence.json", problem: "other changed lines than its commits"),
        Case(
            description: "a name stands twice in it",
            script: "sed -i '0,/\"task\"/s//\"task\": \"x\", \"task\"/' evidence.json",
            file: "evidence.json", problem: "a name that was there before"),
        Case(
            description: "it is nothing", script: ": >evidence.json", file: "evidence.json", problem: "is no JSON"),
        Case(
            description: "the opening has another check",
            anewScript: "sed -i 's/\"before\": *\"failed\"/\"before\":\"passed\"/' opening.json; QUOTE=opening.json",
            file: "opening.json", problem: "has other checks"),
        Case(
            description: "there is no opening",
            anewScript: "drop opening.json; sed -zi 's/\"opening\": {[^}]*}/\"opening\": null/' evidence.json",
            file: "evidence.json", problem: "has no opening.json"),
        Case(
            description: "there is no base",
            anewScript: "sed -i 's/\"commit\": *\"'$BASE'\"/\"commit\": null/' evidence.json opening.json; "
                + "QUOTE=opening.json", file: "evidence.json", problem: "names no base commit"),
    ]

    static let statements = [
        statement("started", "s/\"started\": [0-9]*/\"started\": 1/"),
        statement("finished", "s/\"finished\": [0-9]*/\"finished\": 1/"),
        statement("host", "s/\"machine\": \"/&x/"),
        statement("request", "/\"request\": {/,/}/s/\"profile\": \"/&x/"),
        statement("base", "/\"base\": {/,/}/s/\"name\": \"/&x/"),
        statement("gate", "/\"gate\": {/,/}/s/\"passed\"/\"flagged\"/"),
        statement("observed", "/\"after\": {/,/}/s/\"exit_code\": 0/\"exit_code\": 1/"),
        statement("observed", "/\"after\": {/,/}/s/\"test\": \"passed\"/\"test\": \"failed\"/"),
        statement("claimed", "s/\"frames\": \\[/&{},/"),
    ]

    /// A member of which the statement says something else.
    private static func statement(_ member: String, _ edit: String) -> Case {
        Case(
            description: "\(member): \(edit)", script: "sed -i '\(edit)' evidence.json", file: "evidence.json",
            problem: "another \(member) than the statement")
    }

    static let sandboxes = [
        sandbox("one is left out", "/^    \"before\": {/,/^    },/d", "leaves out \"before\""),
        sandbox("none is there", "/^  \"observed\": {/,/^  },/c\\  \"observed\": null,", "leaves out \"after\""),
        sandbox(
            "the exit code is another", "/\"after\": {/,/}/s/\"exit_code\": 0/\"exit_code\": 1/",
            "another exit_code of \"after\" than its record"),
        sandbox(
            "the test came to something else", "/\"after\": {/,/}/s/\"test\": \"passed\"/\"test\": \"failed\"/",
            "another test of \"after\" than its record"),
        sandbox(
            "a check came to something else", "s/\"after\": \"passed\"/\"after\": \"failed\"/",
            "another end of test after than its record"),
        sandbox(
            "the gate of a check says something else",
            "/\"checks\": \\[/,/\\]/s/\"verdict\": \"passed\"/\"verdict\": \"failed\"/",
            "another verdict on test"),
        sandbox("the denials are others", "s/\"syscall\": \"unshare\"/\"syscall\": \"mount\"/", "other denials"),
        sandbox("models were paid for", "s/^  \"model\": null/  \"model\": {}/", "other totals of models"),
        sandbox("a limit was hit", "s/\"limits_hit\": \\[/&1/", "other limits hit"),
        Case(
            description: "a record is another",
            anewScript: "sed -i 's/\"exit_code\": *0/\"exit_code\": 1/' work.result.json", file: "evidence.json",
            problem: "another exit_code of \"work\" than its record"),
    ]

    static let outcomes = [
        sandbox(
            "it is none", "s/\"outcome\": \"verified\"/\"outcome\": \"fine\"/", "an outcome or a type that is none"),
        sandbox(
            "it says less than its checks", "s/\"outcome\": \"verified\"/\"outcome\": \"delivered\"/",
            "another outcome than its checks give"),
        sandbox(
            "a check that passed failed", "s/\"outcome\": \"verified\"/\"outcome\": \"test_failed\"/",
            "another outcome than its checks give"),
        sandbox(
            "a review was posted", "s/\"outcome\": \"verified\"/\"outcome\": \"review_posted\"/",
            "has posted a review, and has none"),
        sandbox("the state is another", "s/\"COMPLETED\"/\"FAILED\"/", "another state or reason"),
        sandbox("the reason is another", "s/\"no_pull_request\"/\"done\"/", "another state or reason"),
        Case(
            description: "a credential was used",
            anewScript:
                "echo '{}' >uses.jsonl; sed -i 's/\"files\": {/&\"uses.jsonl\": \"'$(sha256sum <uses.jsonl | cut -c-64)'\",/' "
                + "evidence.json", file: "uses.jsonl", problem: "has 1 uses of a credential; evidence.json has 0"),
    ]

    /// Of a task that opened a pull request in a local forge.
    static let opened = [
        sandbox(
            "the branch was not brought", "s/\"branch_pushed\": true/\"branch_pushed\": false/",
            "a pull request of what was not brought"),
        sandbox(
            "nothing was handed over", "s/\"handed_over\": true/\"handed_over\": false/", "another state or reason"),
        sandbox("a review was posted too", "s/\"review\": null/\"review\": {}/", "a review of what is none"),
        Case(
            description: "the pull request is another",
            anewScript: "sed -i 's/\"pull_request\": [0-9]*/\"pull_request\": 77/' evidence.json", file: "audit.jsonl",
            problem: "tells the forge another thing"),
        audit("/forge_updated/s/\"branch_pushed\":true/\"branch_pushed\":false/", "tells the forge another thing"),
        audit("s/\"event\":\"forge_updated\"/\"event\":\"task_created\"/", "whether the forge got anything"),
    ]

    /// Of what was asked for before it was done.
    static let asked = [
        sandbox(
            "nothing was asked", "/^  \"approvals\": \\[/,/^  \\]/c\\  \"approvals\": [],", "did not ask for: push"),
        sandbox(
            "another push was asked for", "/\"approvals\": \\[/,/^  \\]/s/\"files\": 1/\"files\": 2/",
            "did not ask for: push"
        ),
        audit("s/\"event\":\"approval\"/\"event\":\"task_created\"/", "does not ask for all"),
        audit("/\"approval\"/s/\"gate\":\"passed\"/\"gate\":\"refused\"/", "asks for another thing"),
        sandbox(
            "something was proposed",
            "s/\"proposals\": \\[\\]/\"proposals\": [{\"proposal\": 1, \"do\": \"status\", \"carried_out\": false}]/",
            "another number of proposals"),
    ]

    /// Of a review that was posted there.
    static let reviewed = [
        Case(
            description: "there is none", anewScript: "sed -zi 's/\"review\": {[^}]*}/\"review\": null/' evidence.json",
            file: "evidence.json", problem: "has posted a review, and has none"),
        sandbox("it brought a branch", "s/\"branch_pushed\": false/\"branch_pushed\": true/", "has brought a branch"),
        audit("/forge_updated/s/\"findings\":1/\"findings\":2/", "tells the forge another thing"),
        audit("s/\"event\":\"forge_updated\"/\"event\":\"task_created\"/", "whether the forge got anything"),
    ]

    private static func sandbox(_ description: String, _ edit: String, _ problem: String) -> Case {
        Case(
            description: description, anewScript: "sed -i '\(edit)' evidence.json", file: "evidence.json",
            problem: problem)
    }

    static let audits = [
        audit("/task_created/s/\"type\":\"/&x/", "another task"),
        audit("/hydration_complete/s/\"name\":\"/&x/", "another base or prompt"),
        audit("/sandbox_destroyed/s/\"exit_code\":0/\"exit_code\":1/", "another sandbox"),
        audit("/syscall_denied/s/unshare/mount/", "another sandbox"),
        audit("s/\"event\":\"syscall_denied\"/\"event\":\"task_created\"/", "no kind that stands there"),
        audit("s/\"event\":\"push_gate\"/\"event\":\"task_created\"/", "another verdict"),
        audit("/push_gate/s/\"passed\"/\"refused\"/", "another verdict"),
        audit("/commit_received/s/'$COMMIT'/'$BASE'/", "another delivery"),
        audit("s/\"event\":\"commit_received\"/\"event\":\"task_created\"/", "another delivery"),
        audit("$s/verified/delivered/", "another outcome"),
        audit("1s/\"seq\":0/\"seq\":1/", "no record of the host"),
        audit("2,$d", "does not tell a task"),
    ]

    private static func audit(_ edit: String, _ problem: String) -> Case {
        Case(
            description: "\(edit)", script: "sed -i '\(edit)' audit.jsonl",
            file: "audit.jsonl", problem: problem)
    }
}
