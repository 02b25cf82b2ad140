// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Documents
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy
internal import Supervisor

/// `sallyport doctor`: what this host can hold, and what to do where it cannot.
enum DoctorVerb {
    static let help = Help(
        usage: "sallyport doctor [--profile NAME|FILE] [--attack] [--json]",
        summary:
            "Looks at each layer of a sandbox on this host, by trying it, and says what to do where one is missing.",
        options: [
            Option("profile", "NAME|FILE", "the profile that must hold (default: strict)"),
            Option(
                "attack", nil, "run the built-in escape probes in a sandbox instead, and print its posture by layer"),
            Option("json", nil, "print one JSON object"), Option("help", nil, "this text"),
        ],
        notes: """
            Rows marked * are not needed by the profile; their remedy is advice.

            exit codes: 0 the profile can be held (with --attack: every probe was refused, but those
            that rootless mode says it does not hold); 1 it cannot (something escaped);
            125 the doctor itself failed.
            """)

    static func run(_ line: [String]) -> Int32 {
        do {
            let arguments = try Arguments(line, options: help.options)
            if arguments.has("help") {
                Output.out(help.text)
                return 0
            }
            guard arguments.words.isEmpty, arguments.command == nil else { throw UsageError("usage: \(help.usage)") }
            let context = try Context.make()
            let name = try arguments.value("profile") ?? "strict"
            let doctor = try Doctor(
                try context.profiles.load(name), named: name, paths: context.paths, programs: context.programs,
                environment: environmentValue)
            return arguments.has("attack")
                ? try attack(doctor, json: arguments.has("json")) : try examine(doctor, json: arguments.has("json"))
        } catch {
            Output.error("\(error)")
            return 125
        }
    }

    private static var wantsColour: Bool {
        Mark.wantsColour(isTerminal: isatty(1) == 1, noColour: environmentValue("NO_COLOR"))
    }

    // MARK: Layers

    private static func examine(_ doctor: Doctor, json: Bool) throws -> Int32 {
        let report = try doctor.examine()
        if json {
            Output.out(report.json.compactText)
        } else {
            Output.out(VerdictTable.text(report.checks.map(line), colour: wantsColour))
            Output.out("")
            for sentence in report.differences { Output.out(sentence) }
            Output.out(conclusion(report))
        }
        return report.isHeld ? 0 : 1
    }

    private static func line(_ check: HostCheck) -> VerdictLine {
        let mark: Mark =
            switch check.status {
            case .ok: .good
            case .degraded: check.isRequired ? .bad : .weak
            case .missing: check.isRequired ? .bad : .weak
            }
        var notes: [String] = []
        if case .degraded(let key) = check.status { notes.append("allowed only by a profile that says \(key)") }
        notes += (check.remedy ?? "").split(separator: "\n").map(String.init)
        let star = !check.isRequired && check.status != .ok ? "*" : ""
        return VerdictLine(
            mark, check.word + star, name: check.layer, text: check.found, notes: check.status == .ok ? [] : notes)
    }

    private static func conclusion(_ report: HostReport) -> String {
        let name = report.profile.displayed
        if report.isHeld { return "Profile \"\(name)\" can be held on this host (\(report.mode) mode)." }
        let missing = report.checks.filter { $0.prevents }.map { $0.layer }.joined(separator: ", ")
        return "Profile \"\(name)\" cannot be held on this host (\(report.mode) mode): \(missing)."
    }

    // MARK: Attack

    private static func attack(_ doctor: Doctor, json: Bool) throws -> Int32 {
        let reader =
            ["doctor-posture"] + (json ? ["--json"] : []) + (wantsColour ? ["--colour"] : [])
            + (Mode.current == .rootless ? ["--rootless"] : [])
        switch try doctor.attack(reader: reader) {
        case .read(0): return 0
        case .read(1): return 1
        case .read(2):
            Output.error(
                "the probes did not tell of every attempt, so nothing is said of this host. Run `sallyport doctor`.")
            return 125
        case .read(let status):
            Output.error(
                "cannot read the probes' report: the reader ended with status \(status). Nothing is said of this host.")
            return 125
        case .failed(let why):
            // The reason is the record's own sentence where there is one, with its full stop.
            let sentence = why.hasSuffix(".") ? why : why + "."
            Output.error("cannot attack: \(sentence) Run `sallyport doctor` to see what this host lacks.")
            return 125
        }
    }

    /// The posture reader: started by ``attack(_:json:)`` without privilege, with the report at 0 and the list at 3.
    static func posture(_ line: [String]) -> Int32 {
        do throws(SystemError) {
            try ReaderConfinement.enter()
            let report = try Descriptor(owning: 0).readAll(limit: Posture.limit, subject: "the report")
            let list = try Descriptor(owning: 3).readAll(limit: Posture.limit, subject: "the list")
            let posture = Posture(
                report: report, expected: Posture.ids(list: list),
                notHeld: line.contains("--rootless") ? Posture.notHeldRootless : [])
            Output.out(
                line.contains("--json") ? posture.json.compactText : posture.text(colour: line.contains("--colour")))
            return posture.exitStatus
        } catch {
            Output.error("\(error)")
            return 3
        }
    }
}
