// SPDX-License-Identifier: Apache-2.0
import Blueprints
import CLinux
import Glibc
import LocalCompute
import Orchestrator
import TaskModel
import TestSupport
import Testing

/// Starts that end in every way, over a program that costs next to nothing.
private final class ManyStarts {
    /// How a process ends.
    enum Ending: String, CaseIterable { case step, session, lost, never }

    /// In the place of `sallyport`, with nothing but what the shell has in itself: a thousand of them take seconds.
    private static let program = """
        #!/bin/sh
        while [ $# -gt 0 ]; do case $1 in --session) dir=$2 ;; --task) read -r how <"${2#@}" ;; esac; shift; done
        case $how in
            step) echo '{"version":1,"step":{"output":{"status":"success"},"repeat":false,"code":null}}' >"$dir/end.json" ;;
            session) echo '{"version":1,"report":{"outcome":"verified","success":true,"reason":"done"}}' >"$dir/end.json" ;;
            lost)
                read -r boot </proc/sys/kernel/random/boot_id
                read -r stat </proc/$$/stat
                set -- ${stat##*)}
                shift 19
                echo '{"version":1,"pid":'$$',"start":"'"$1"'","boot":"'"$boot"'"}' >"$dir/begun.json" ;;
            never) exit 1 ;;
        esac
        """

    private let scratch: Scratch
    private let compute: LocalSandboxCompute

    init() throws {
        scratch = try Scratch()
        try scratch.directory("bin")
        try scratch.file("bin/sallyport", Self.program, mode: 0o755)
        compute = try LocalSandboxCompute(
            directory: scratch.at("sessions"), programs: scratch.at("bin"), environment: ["PATH=/usr/bin:/bin"])
    }

    /// What this process holds of sessions: their files, and what tells of their ends. What the tests' own harness has
    /// open is its own.
    var held: [String] {
        names("/proc/self/fd").compactMap { link("/proc/self/fd/\($0)") }.filter {
            $0.hasPrefix("anon_inode:") || $0.hasPrefix(scratch.path)
        }.sorted()
    }

    func run(_ number: Int) throws {
        let ending = Ending.allCases[number % Ending.allCases.count]
        let name = "d-\(number)"
        let request = try TaskRequest([.repository: "team/library", .task: ending.rawValue])
        let blueprint = StoredBlueprint(text: "{}", digest: "")
        let handle = SessionHandle.local(.init(session: name))
        switch ending {
        case .step, .never:
            try compute.startStep(
                StepStart(process: name, task: "t", request: request, blueprint: blueprint, work: .preFlight))
            try waitForEnd(handle)
            switch (try compute.pollStep(name), ending) {
            case (.ended(let end), .step): #expect(end.output.status == "success")
            case (.failed(let failure), .never): #expect(failure.kind == .neverStarted)
            case (let other, _): throw HarnessError("\(name), \(ending.rawValue): \(other)")
            }
        case .session, .lost:
            _ = try compute.startSession(
                SessionStart(session: name, task: "t", attempt: 1, request: request, blueprint: blueprint))
            try waitForEnd(handle)
            let isEnd = try compute.pollSession(handle, after: 0).status.isEnd
            #expect(isEnd)
            while compute.stopSession(handle, force: false) == .stopping { try waitForEnd(handle) }
        }
    }

    private func waitForEnd(_ handle: SessionHandle) throws {
        guard let descriptor = try compute.changeDescriptor(handle),
            sp_poll_one(descriptor, Int16(POLLIN), 30_000) > 0
        else { throw HarnessError("nothing tells of the end of \(handle.session)") }
    }
}

extension LocalComputeTests {
    /// In a process of its own, where no neighbour opens any. One of this suite, whose tests run one by one: what waits for
    /// such a process spins on every other child that nobody has waited for.
    @Test("what watches a process is closed when it is over: a thousand starts leave no descriptor open")
    func descriptors() async {
        await #expect(processExitsWith: .success) {
            do {
                let starts = try ManyStarts()
                for number in 0..<8 { try starts.run(number) }
                let before = starts.held
                for number in 8..<1000 { try starts.run(number) }
                #expect(starts.held == before)
            } catch { Issue.record("\(error)") }
        }
    }
}
