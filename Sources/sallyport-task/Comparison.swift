// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import LinuxSystem

/// What a rebuilt sandbox has in common with the recorded one, and each thing that differs.
struct Comparison {
    struct Difference: Equatable {
        let what: String
        let recorded: String
        let here: String
    }

    private let label: String
    private let evidence: JSON
    private let recordedPlan: JSON
    private let recordedProfile: [UInt8]
    private let recordedResult: JSON
    private let plan: JSON
    private let profile: [UInt8]
    private let host: JSON
    private let planDigest: String

    /// The plan is compared but for the command line.
    var isOtherCommand = false
    /// What came out this time: of a review the digest of its findings, else the delivered commit's tree. Nil when nothing
    /// did.
    var product: String?
    private(set) var differences: [Difference] = []

    init(bundle: ReproducedBundle, label: String, delivery: borrowing DeliveryDirectory, state: String)
        throws(TaskFailure)
    {
        self.label = label
        evidence = bundle.evidence
        recordedPlan = try bundle.json("\(label).plan.json")
        recordedProfile = try bundle.file("\(label).profile.txt")
        recordedResult = try bundle.json("\(label).result.json")
        let bytes = try delivery.read("\(label).plan.json")
        do throws(JSONParser.Failure) { plan = try JSONParser.parse(bytes) } catch {
            throw TaskFailure(message: "the new plan is unreadable: \(error.reason)")
        }
        planDigest = Digest.sha256(bytes)
        profile = try delivery.read("\(label).profile.txt")
        host = try HostFacts().json(
            rootfs: try ProfileFile(try delivery.read("\(label).profile.yaml")).rootfs, state: state)
    }

    var recordedDigest: String { evidence["observed"]?[label]?["plan_digest"]?.stringValue ?? "" }
    private var isReview: Bool { evidence["type"]?.stringValue == "pr_review" }
    private var productName: String { isReview ? "findings" : "tree" }
    private var recordedProduct: String? {
        guard isReview else { return evidence["delivered"]?["tree"]?.stringValue }
        let digest = evidence["files"]?[Sandbox.findings.name]?.stringValue
        // The file is there before the reviewer is; one that stayed empty is none.
        return digest == Digest.sha256([]) ? nil : digest
    }
    var isPlanEqual: Bool { planDigest == recordedDigest }
    private var comparesProduct: Bool { label == "work" && !isOtherCommand }
    var isEqual: Bool { isPlanEqual && (!comparesProduct || product == recordedProduct) }

    mutating func compare(_ record: SessionRecord) throws(TaskFailure) {
        for (what, name) in [
            ("kernel", "kernel"), ("machine", "machine"), ("sallyport", "sallyport"), ("user", "user"),
        ] {
            differ(what, evidence["host"]?[name], host[name])
        }
        let (then, now) = (evidence["host"]?["rootfs"], host["rootfs"])
        differ("rootfs", then?["name"], now?["name"])
        if then?["name"] == now?["name"] { differ("rootfs content", then?["digest"], now?["digest"]) }
        lines("profile", Self.lines(recordedProfile), Self.lines(profile)) { line in
            line.split(separator: " ").first.map { String($0) } ?? line
        }
        for layer in ["mode", "enforcement", "workspace_place"] {
            differ("layer \(layer)", recordedResult[layer], record.json[layer])
        }
        let layers = (recordedResult["layers"], record.json["layers"])
        for part in ["mode", "abi", "scoped"] {
            differ("layer landlock \(part)", layers.0?["landlock"]?[part], layers.1?["landlock"]?[part])
        }
        comparePlans()
    }

    private mutating func comparePlans() {
        for member in ["mode", "argv", "environment", "filter", "open_files"] {
            if member == "argv" && isOtherCommand { continue }
            differ("plan \(member)", recordedPlan[member], plan[member])
        }
        for member in ["network", "steps"] {
            lines("plan \(member)", steps(recordedPlan[member]), steps(plan[member])) { step in
                step.split(separator: " ").first.map { String($0) } ?? step
            }
        }
    }

    /// A command in the runner's place has other descriptors, which say nothing of the sandbox.
    private func steps(_ list: JSON?) -> [String] {
        (list?.arrayValue ?? []).filter { step in
            let name = step["step"]?.stringValue ?? ""
            return !isOtherCommand || !(name.hasPrefix("descriptors.") || name.hasPrefix("terminal."))
        }.map { step in
            ["step", "operation", "path", "detail"].compactMap { step[$0]?.stringValue }.joined(separator: " ")
        }
    }

    private static func lines(_ bytes: [UInt8]) -> [String] {
        bytes.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }
    }

    private mutating func differ(_ what: String, _ recorded: JSON?, _ here: JSON?) {
        let (recorded, here) = (recorded ?? .null, here ?? .null)
        guard recorded != here else { return }
        differences.append(.init(what: what, recorded: Self.shown(recorded), here: Self.shown(here)))
    }

    /// Lines that only one side has; two of them with one name are one difference, and so is another order.
    private mutating func lines(_ what: String, _ recorded: [String], _ here: [String], name: (String) -> String) {
        guard recorded != here else { return }
        let gone = Self.named(Set(recorded).subtracting(here), name)
        let come = Self.named(Set(here).subtracting(recorded), name)
        if gone.isEmpty && come.isEmpty {
            differences.append(.init(what: what, recorded: "another order or number", here: "the same lines"))
        }
        for name in Set(gone.keys).union(come.keys).sorted() {
            differences.append(
                .init(what: "\(what) \(name)", recorded: gone[name] ?? "-", here: come[name] ?? "-"))
        }
    }

    private static func named(_ lines: Set<String>, _ name: (String) -> String) -> [String: String] {
        var named: [String: String] = [:]
        for line in lines.sorted() {
            let name = name(line)
            let rest = line.dropFirst(name.count).drop { $0 == " " || $0 == "=" }
            named[name] = (named[name].map { $0 + ", " } ?? "") + rest
        }
        return named
    }

    private static func shown(_ value: JSON) -> String {
        switch value {
        case .null: "-"
        case .string(let text): text
        default: value.compactText
        }
    }
}

extension Comparison {
    private static let mostShown = 40

    var text: String {
        let task = evidence["task"]?.stringValue ?? ""
        var lines = ["reproduced  \(label) of \(task.displayed)"]
        if isOtherCommand {
            lines[0] += ", with another command"
        } else {
            lines.append(
                isPlanEqual
                    ? "plan        equal  \(planDigest)"
                    : "plan        NOT EQUAL  \(planDigest), recorded \(recordedDigest)")
        }
        if comparesProduct {
            let (then, now) = (recordedProduct ?? "none delivered", product ?? "none delivered")
            let name = (productName + "           ").prefix(12)
            lines.append(then == now ? "\(name)equal  \(now)" : "\(name)NOT EQUAL  \(now), recorded \(then)")
        }
        for difference in differences.prefix(Self.mostShown) {
            lines.append(
                "differs     \(difference.what): \(Self.short(difference.recorded)) recorded, \(Self.short(difference.here)) here"
            )
        }
        if differences.count > Self.mostShown {
            lines.append("differs     and \(differences.count - Self.mostShown) more")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func short(_ text: String) -> String {
        let text = text.displayed
        return text.count > 160 ? text.prefix(160) + "..." : text
    }

    private var products: JSON { ["recorded": .optional(recordedProduct), "here": .optional(product)] }

    var json: JSON {
        [
            "task": evidence["task"] ?? .null, "sandbox": .string(label), "equal": .bool(isEqual),
            "plan": ["equal": .bool(isPlanEqual), "recorded": .string(recordedDigest), "here": .string(planDigest)],
            "tree": comparesProduct && !isReview ? products : .null,
            "findings": comparesProduct && isReview ? products : .null,
            "differences": .array(
                differences.map {
                    ["what": .string($0.what), "recorded": .string($0.recorded), "here": .string($0.here)]
                }),
        ]
    }
}
