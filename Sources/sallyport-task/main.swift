// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Delivery
internal import Documents
internal import Glibc

/// `sallyport task ...`, `sallyport collect ...`, and the confined steps that they start themselves.
func main(_ arguments: [String], environment: [String]) -> Int32 {
    var rest = arguments[...]
    if rest.first == "task" { rest = rest.dropFirst() }
    switch rest.first {
    case let name? where StepProcess.names.contains(name): StepProcess.main(name, Array(rest.dropFirst()))
    case GitProcess.name: GitProcess.main(Array(rest.dropFirst()))
    case let name? where PipelineVerb.names.contains(name):
        return PipelineVerb.run(name, Array(rest.dropFirst()), environment: environment)
    case PreFlightCheck.verb: return PreFlightCheck.run(Array(rest.dropFirst()), environment: environment)
    case "blueprint-step": return StepVerb.run(Array(rest.dropFirst()), environment: environment)
    case "onboard": return OnboardVerb.run(Array(rest.dropFirst()), environment: environment)
    case "agent": return AgentVerb.run(Array(rest.dropFirst()), environment: environment)
    case "collect": return CollectVerb.run(Array(rest.dropFirst()))
    case "reproduce": return ReproduceVerb.run(Array(rest.dropFirst()), environment: environment)
    case "evidence": return EvidenceVerb.run(Array(rest.dropFirst()), environment: environment)
    case "mirror", "repository":
        return RepositoryVerb.run(rest[rest.startIndex], Array(rest.dropFirst()), environment: environment)
    case "run" where rest.contains("--help") || rest.contains("-h"), "--help", "-h", "help":
        Progress.write(TaskArguments.usage + "\n", to: 1)
        return 0
    case "run":
        do throws(TaskFailure) {
            return try runTask(Array(rest.dropFirst()), environment: environment)
        } catch {
            Progress.fail(error, json: rest.contains("--json"))
            return 125
        }
    default:
        Progress.say(TaskArguments.usage)
        return 125
    }
}

private func runTask(_ arguments: [String], environment: [String]) throws(TaskFailure) -> Int32 {
    guard arguments.first == "--session", arguments.count > 1 else {
        return try runTask(try TaskArguments(arguments), nil, environment: environment)
    }
    // Claimed before anything is looked at: whoever started this is told by the session what is wrong with it.
    let claim = try SessionClaim(arguments[1])
    do throws(TaskFailure) {
        return try runTask(try TaskArguments(Array(arguments.dropFirst(2))), claim, environment: environment)
    } catch {
        try claim.end(error)
        throw error
    }
}

private func runTask(_ arguments: TaskArguments, _ claim: SessionClaim?, environment: [String]) throws(TaskFailure)
    -> Int32
{
    let processes = try ChildProcess()
    let forge = try TaskForge.make(arguments, processes, environment: environment)
    // Whatever happens: what was lent for the task is given back.
    defer { forge?.end() }
    var task = try TaskRun.make(arguments, forge, processes, claim, environment: environment)
    var failure: TaskFailure?
    do throws(TaskFailure) {
        try task.run()
    } catch {
        failure = error
    }
    // Nothing ran: nothing is kept.
    if let failure, task.evidence.sessions.isEmpty {
        try task.delivery.discard()
        throw failure
    }
    // What there is belongs to the caller, whatever happened: nothing delivered is lost.
    try task.delivery.settle()
    if let failure {
        Progress.say("note: what there is of the task lies in \(task.delivery.path)")
        throw failure
    }
    let (json, sealed) = try task.seal()
    task.nameEvidence(sealed.manifest)
    if arguments.json {
        Progress.write(json.compactText + "\n", to: 1)
    } else {
        Progress.write(Summary(evidence: task.evidence, directory: task.delivery.path, sealed: sealed).text, to: 1)
    }
    let spending = try task.evidence.spending(in: task.delivery.path)
    let stages = try task.evidence.stages(in: task.delivery.path)
    try claim?.end(task.evidence.report(sealed: sealed.manifest, spending: spending, stages: stages))
    return task.evidence.isSuccess ? 0 : 1
}

private func environmentEntries() -> [String] {
    var result: [String] = []
    var entry = Glibc.environ
    while let text = entry.pointee {
        result.append(String(cString: text))
        entry += 1
    }
    return result
}

if sp_hide_environment(1) < 0 { exit(125) }
exit(main(Array(CommandLine.arguments.dropFirst()), environment: environmentEntries()))
