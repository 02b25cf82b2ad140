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
        let reference = Self.reference(explicit: optional("--branch"), name: work.branch)
        let base = try chooseBase(work, reference)
        if let base {
            report.add("base", "\(base)")
            if base == tip { return }
            try work.packBase(base) { Self.write($0, to: Self.baseOutput) }
        }
        try work.bundle(tip, since: base, as: reference) { Self.write($0, to: Self.bundleOutput) }
        report.add("tip", "\(tip)")
    }

    /// The base as it was named; else where the receiver's branch stands, or the nearest of its others.
    private func chooseBase(_ work: borrowing LeftWork, _ reference: String) throws -> ObjectID? {
        let named = try base()
        if let named { return named }
        let text = try Descriptor(owning: 0).readAll(limit: Self.longestList, subject: "the receiver's references")
        guard let known = ReferenceText.packed(text, most: Self.longestList) else { return nil }
        if let onto = known.first(where: { $0.name == Array(reference.utf8) })?.id {
            return try work.distance(from: onto) == nil ? nil : onto
        }
        var nearest: (id: ObjectID, distance: Int)?
        for id in Set(known.map(\.id)) {
            guard let distance = try work.distance(from: id) else { continue }
            if distance < nearest?.distance ?? .max { nearest = (id, distance) }
        }
        return nearest?.id
    }

    private static let longestList = 1 << 20

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
        explicit ?? name.flatMap { ReferenceName.branch(prefix + $0) } ?? "refs/heads/\(prefix)unnamed"
    }

    private static let prefix = "sallyport/collected/"

    /// Between the reason, which is ours, and the path, which is not.
    static let separator = "|"
    private static let mostReferences = 100
}
