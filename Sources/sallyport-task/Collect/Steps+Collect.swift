// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
internal import Workspace

extension StepProcess {
    /// The descriptors of ``collect(_:)``.
    static let baseOutput: Int32 = 3
    static let bundleOutput: Int32 = 4
    static let leftTree: Int32 = 5

    /// Reads the directory on descriptor 5, writes the base commit's history to 3 and a bundle of the rest to 4.
    ///
    /// Runs under an id of its own, for which the directory is read-only, and reads nothing else.
    func collect(_ report: inout StepReport) throws {
        try Confinement(tree: Self.leftTree, identity: try identity()).enter()
        guard let time = Int(try required("--time")) else { throw TaskFailure(message: "--time is no number") }
        let work = try LeftWork(
            LeftDirectory(owning: Descriptor(owning: Self.leftTree)), from: optional("--from"), time: time,
            budget: budget)
        describe(work, in: &report)
        guard let tip = work.tip else { return }
        let base = try chooseBase(work)
        if let base {
            report.add("base", "\(base)")
            if base == tip { return }
            try work.packBase(base) { Self.write($0, to: Self.baseOutput) }
        }
        let reference = Self.reference(explicit: optional("--branch"), name: work.branch)
        try work.bundle(tip, since: base, as: reference) { Self.write($0, to: Self.bundleOutput) }
        report.add("tip", "\(tip)")
    }

    /// The base as it was named; a mere proposal counts only if the commit is there.
    private func chooseBase(_ work: borrowing LeftWork) throws -> ObjectID? {
        if try required("--base") == "-" { return nil }
        let base = try commit("--base")
        return optional("--base-is") == "proposed" && !work.contains(base) ? nil : base
    }

    private func describe(_ work: borrowing LeftWork, in report: inout StepReport) {
        report.add("layout", work.repository.layout.rawValue)
        if let branch = work.branch { report.add("name", branch) }
        if let head = work.head { report.add("head", "\(head)") }
        report.add("ignored", "\(work.ignored)")
        report.add("left_count", "\(work.leftOutCount)")
        for item in work.leftOut { report.add("left", "\(item.reason) \(Self.separator) \(item.path)") }
        for note in work.notes { report.add("note", note) }
        for reference in work.repository.references.prefix(Self.mostReferences) {
            let name = PrintableText.escaped(reference.name, longest: 300)
            report.add("reference", "\(reference.id) \(name)")
        }
    }

    /// The full name of the delivered branch: as it was asked for, or after the branch in the directory.
    static func reference(explicit: String?, name: String?) -> String {
        explicit ?? name.flatMap { ReferenceName.branch(prefix + $0) } ?? "refs/heads/\(prefix)detached"
    }

    private static let prefix = "sallyport/collected/"

    /// Between the reason, which is ours, and the path, which is not.
    static let separator = "|"
    private static let mostReferences = 100
}
