// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import CLinux
internal import Glibc
internal import Supervisor

if sp_ensure_standard_descriptors() < 0 || sp_hide_environment(1) < 0 { exit(125) }
let line = Array(CommandLine.arguments.dropFirst())
let rest = Array(line.dropFirst())
switch line.first {
case "run": exit(RunVerb.run(rest))
case "profile": exit(ProfileVerb.run(rest))
case "doctor": exit(DoctorVerb.run(rest))
// Not for people: started without privilege, to read what a sandbox wrote.
case "doctor-posture": exit(DoctorVerb.posture(rest))
case AuditReader.verb: exit(AuditReader.run(rest))
case "why": exit(WhyVerb.run(rest))
case "session": exit(SessionVerb.run(rest))
case "sweep": exit(SweepVerb.run(rest))
case "supervise": exit(SuperviseVerb.run(rest))
// Not for people either: serves one request that the listening supervisor took.
case Listener.serverVerb: exit(SessionServer.run(rest))
case "pool": exit(PoolVerb.run(rest))
case "blueprint": exit(BlueprintVerb.run(rest))
case ChangesVerb.name: exit(ChangesVerb.run(rest))
case KeptChanges.collectorVerb: exit(CollectVerb.run(rest))
case ReplayVerb.name: exit(ReplayVerb.run(rest))
case "model": exit(ModelVerb.run(rest))
case "task": exit(TaskVerb.run(rest))
case "agent", "collect", "evidence", "reproduce", "onboard": exit(TaskVerb.run(line))
case "submit": exit(SubmitVerb.run(rest))
case "ops": exit(OpsVerb.run(rest))
case "trace": exit(TraceVerb.run(rest))
case "memory": exit(MemoryVerb.run(rest))
case let verb? where TaskVerbs.names.contains(verb): exit(TaskVerbs.run(verb, rest))
case let verb? where ApprovalVerbs.names.contains(verb): exit(ApprovalVerbs.run(verb, rest))
case "--version", "version":
    Output.out("sallyport 0.1.0")
    exit(0)
case nil, "--help", "help":
    Output.out(Overview.text)
    exit(line.isEmpty ? 125 : 0)
case let verb?:
    Output.error("unknown verb \"\(verb)\"; see sallyport --help")
    exit(125)
}
