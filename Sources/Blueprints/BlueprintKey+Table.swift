// SPDX-License-Identifier: Apache-2.0
internal import TaskModel

extension BlueprintKey {
    static let top = [
        BlueprintKey("", "version", .version, "required", required: true),
        BlueprintKey(
            "", "repo", .repository, "the repository that this is for; upper and lower case are one", required: true),
        BlueprintKey("", "reason", .sentence, "why agents may work on it", required: true),
        BlueprintKey("", "source", .section("source"), "where the repository is", required: true),
        BlueprintKey(
            "", "submitters", .list(.principal, most: 100),
            "who may submit tasks: `user:NAME`, `group:NAME`, `uid:N`, or `everyone` who reaches the daemon; an empty list is nobody",
            required: true),
        BlueprintKey(
            "", "task_types", .list(words(TaskType.self), most: 3), "which types of task are taken; default: all"),
        BlueprintKey("", "profile", .profile, "of the sandboxes; the sections below narrow it; default `build`"),
        BlueprintKey("", "compute", .section("compute"), "where sessions run"),
        BlueprintKey("", "agent", .section("agent"), "what the agent may use up, and what it is told"),
        BlueprintKey("", "runner", .section("runner"), "which agent works", required: true),
        BlueprintKey("", "credentials", .section("credentials"), "references to what no sandbox ever sees"),
        BlueprintKey("", "networking", .section("networking"), "what of the profile's egress is left"),
        BlueprintKey("", "resources", .profilePart("limits"), "limits, as under `limits:` of a profile; lower only"),
        BlueprintKey(
            "", "filesystem", .profilePart("filesystem"), "paths, as under `filesystem:` of a profile; narrower only"),
        BlueprintKey("", "pipeline", .section("pipeline"), "what happens round the agent"),
        BlueprintKey("", "approvals", .section("approvals"), "where people decide"),
        BlueprintKey("", "budgets", .section("budgets"), "money"),
        BlueprintKey("", "scope", .section("scope"), "what a task may change"),
        BlueprintKey(
            "", "screening", words(Screening.self),
            "what words of strangers that read as orders do: `block` (default) the task, or `strip`: they are cut out"),
    ]

    static let source = [
        BlueprintKey("source", "repository", .line, "a directory of the host, or `https://HOST/PATH`"),
        BlueprintKey("source", "forge", .line, "`github:OWNER/NAME`, or a directory with a local forge"),
        BlueprintKey("source", "forge_url", .line, "address of the forge's server; with `forge: github:...`"),
        BlueprintKey("source", "base", .line, "branch that tasks start from; default: what a clone checks out"),
    ]

    static let compute = [
        BlueprintKey("compute", "type", words(ComputeType.self), "default `local`: a sandbox of this host"),
        BlueprintKey("compute", "config", .configuration, "of that type; `local` has none"),
    ]

    static let agent = [
        BlueprintKey("agent", "model", .line, "asked for by name; must be on the list of `runner.models`"),
        BlueprintKey("agent", "max_turns", .count(Bounds.turns), "default 100"),
        BlueprintKey(
            "agent", "max_turns_ceiling", .count(Bounds.turns), "the most that a task may ask for; default `max_turns`"),
        BlueprintKey("agent", "max_budget_usd", .dollars(Bounds.budget), "of a task that names none"),
        BlueprintKey(
            "agent", "system_prompt", .script, "the operator's words for every task, after the platform's own"),
    ]

    static let runner = [
        BlueprintKey("runner", "agent", .line, "a preset: see `sallyport agent list`"),
        BlueprintKey("runner", "command", .script, "instead of a preset: run by /bin/sh in the clone"),
        BlueprintKey(
            "runner", "prompt", words(AgentPreset.PromptBy.self), "how the prompt comes to `command`; default `file`"),
        BlueprintKey("runner", "timeout", .time(Bounds.session), "ends the agent; default: the profile's `wall`"),
        BlueprintKey("runner", "models", .absolutePath, "the file of `--model`: which models the agent finds"),
    ]

    static let credentials = [
        BlueprintKey("credentials", "forge", .credential, "for forge and upstream: `file:/path`, `credential:NAME`"),
        BlueprintKey("credentials", "github_app", .section("credentials.github_app"), "instead of it"),
    ]

    static let app = [
        BlueprintKey("credentials.github_app", "id", .count(1...Int(1 << 53)), "number of the App", required: true),
        BlueprintKey("credentials.github_app", "key", .credential, "its private key", required: true),
        BlueprintKey(
            "credentials.github_app", "installation", .count(1...Int(1 << 53)), "default: the repository's"),
    ]

    static let networking = [
        BlueprintKey(
            "networking", "egress", .profilePart("egress.rules"),
            "rules, as under `egress.rules:` of a profile, that stay; an empty list is nothing"),
        BlueprintKey("networking", "direct_ip", .profilePart("egress.direct_ip"), "as under `egress:` of a profile"),
    ]

    static let pipeline = [
        BlueprintKey("pipeline", "poll_interval_ms", .count(Bounds.pollMilliseconds), "default 30000"),
        BlueprintKey(
            "pipeline", "previous_results", .count(Bounds.previousResults), "how many a custom step gets; default 5"),
        BlueprintKey("pipeline", "setup_command", .script, "first in every sandbox, to install what the project needs"),
        BlueprintKey("pipeline", "build_command", .script, "must not fail where it passed before"),
        BlueprintKey("pipeline", "lint_command", .script, "must not fail where it passed before"),
        BlueprintKey("pipeline", "test_command", .script, "decides the outcome"),
        BlueprintKey(
            "pipeline", "measure_command", .script,
            "at the end, on the base and on the result: what it leaves in `$SALLYPORT_ARTIFACTS` is evidence"),
        BlueprintKey(
            "pipeline", "workflow", words(Workflow.Kind.self),
            "`direct` (default): one agent; `plan-build-review`: one plans, one builds, one reviews, each in a sandbox of its own"
        ),
        BlueprintKey(
            "pipeline", "review_rounds", .count(Workflow.rounds),
            "with `plan-build-review`: reviews until the task fails; default 3"),
        BlueprintKey("pipeline", "gate", words(TestGate.self), "`regression`: must not fail where it passed before"),
        BlueprintKey(
            "pipeline", "custom_steps", .list(.section("pipeline.custom_steps[]"), most: 20), "steps of your own"),
        BlueprintKey(
            "pipeline", "step_sequence", .list(.section("pipeline.step_sequence[]"), most: 40),
            "all steps in order, in place of the usual one"),
    ]

    static let customSteps = [
        BlueprintKey("pipeline.custom_steps[]", "name", .stepName, "names it in events", required: true),
        BlueprintKey(
            "pipeline.custom_steps[]", "phase", words(CustomStep.Phase.self), "where it runs without `step_sequence`",
            required: true),
        BlueprintKey("pipeline.custom_steps[]", "program", .absolutePath, "an executable of the host, shown read-only"),
        BlueprintKey(
            "pipeline.custom_steps[]", "arguments", .list(.script, most: 64), "of `program`"),
        BlueprintKey("pipeline.custom_steps[]", "command", .script, "instead: run by /bin/sh"),
        BlueprintKey("pipeline.custom_steps[]", "profile", .profile, "of its sandbox; default `strict`"),
        BlueprintKey(
            "pipeline.custom_steps[]", "workspace", words(CustomStep.Workspace.self),
            "`repository`: the task's commit, read-only; default `none`"),
        BlueprintKey("pipeline.custom_steps[]", "timeout", .time(Bounds.stepTimeout), "of one attempt; default 2m"),
        BlueprintKey("pipeline.custom_steps[]", "max_retries", .count(Bounds.retries), "default 2"),
        BlueprintKey("pipeline.custom_steps[]", "config", .configuration, "handed to this step and no other"),
    ]

    static let references = [
        BlueprintKey(
            "pipeline.step_sequence[]", "type", words(StepReference.Kind.self), "`builtin` or `custom`", required: true),
        BlueprintKey("pipeline.step_sequence[]", "name", .stepName, "of the step", required: true),
    ]

    static let approvals = [
        BlueprintKey(
            "approvals", "level", words(Approvals.Level.self),
            "`supervised`: plan and every gate; `standard` (default): the gates below; `autonomous`: none, hard refusals stay"
        ),
        BlueprintKey(
            "approvals", "gates", .list(words(Approvals.Gate.self), most: 5),
            "of `standard`: default `push`, `pull_request`"),
        BlueprintKey("approvals", "timeout", .time(Bounds.approvalTimeout), "of a gate; default 5m"),
        BlueprintKey("approvals", "plan_timeout", .time(Bounds.planTimeout), "of a plan; default 24h"),
        BlueprintKey("approvals", "cap", .count(Bounds.approvalCap), "questions that one task may ask; default 50"),
        BlueprintKey(
            "approvals", "approvers", .list(.principal, most: 100), "who decides; default: whoever submitted"),
        BlueprintKey(
            "approvals", "self_approval", .flag, "the submitter may decide; default: true without `approvers`"),
    ]

    static let budgets = [
        BlueprintKey(
            "budgets", "per_task_usd", .dollars(Bounds.budget), "the most that a task may ask for"),
        BlueprintKey("budgets", "per_day_usd", .dollars(Bounds.period), "of all its tasks, by UTC"),
        BlueprintKey("budgets", "per_month_usd", .dollars(Bounds.period), "of all its tasks, by UTC"),
    ]

    static let scope = [
        BlueprintKey(
            "scope", "writable", .list(.pattern, most: 200),
            "patterns as in a .gitignore: a task that changes another path is refused"),
        BlueprintKey("scope", "max_files", .count(1...100_000), "that a task may change"),
        BlueprintKey("scope", "max_bytes", .profilePart("limits.workspace_bytes"), "of those files together"),
    ]
}

/// The limits of every number that a blueprint or a submission gives, in one place.
package enum Bounds {
    package static let turns = 1...500
    /// In micro-dollars: one cent to a hundred dollars.
    package static let budget: ClosedRange<UInt64> = 10_000...100_000_000
    package static let period: ClosedRange<UInt64> = 10_000...1_000_000_000_000
    package static let pollMilliseconds = 5000...300_000
    package static let previousResults = 0...20
    /// Seconds.
    package static let stepTimeout = 1...3600
    package static let session = 1...28_800
    package static let retries = 0...10
    package static let approvalTimeout = 30...3600
    package static let planTimeout = 60...604_800
    package static let approvalCap = 1...500
    /// Characters of a task's text.
    package static let description = 10_000
    package static let preApprovals = 20
    package static let preApproval = 128
    package static let idempotencyKey = 1...128
    package static let dependencies = 32
}
