// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel

extension GateStep {
    /// Reads the rules that a person wrote; the built-in ones without a file.
    ///
    /// - Parameters:
    ///   - branch: The one branch that is to arrive, if it is known: it may when the rules name none, and when they name others
    ///     it is an error now and not after the work.
    ///   - item: What is to be done; changes beside its paths, and names beside the runner's, are flagged when the rules name none.
    static func rules(_ path: String?, branch: String? = nil, of item: WorkItem? = nil) throws(TaskFailure) -> GateRules
    {
        var builtIn = GateRules()
        if let branch { builtIn.branches = [branch] }
        if let item {
            if !item.paths.isEmpty { builtIn.paths = item.paths.map(Self.pattern) }
            builtIn.outside = .flag
            builtIn.authors = .init(allow: [Self.runner], others: .flag)
        }
        let rules = try read(path, over: builtIn)
        guard let branch, !rules.allows(branch: branch) else { return rules }
        throw TaskFailure(
            "deliver", "branch \"\(branch)\"", "\(path ?? "the rules") allow none of this name",
            remedy: "Name it under \"branches\" in the rules.")
    }

    /// Who commits in a task's sandbox when nobody says otherwise.
    private static let runner = "sallyport <agent@sallyport.invalid>"

    /// The pattern for one path and what lies below it, whatever its letters mean in a .gitignore.
    private static func pattern(_ path: String) -> String {
        "/" + path.map { "\\*?[] ".contains($0) ? "\\\($0)" : String($0) }.joined()
    }

    private static func read(_ path: String?, over builtIn: GateRules) throws(TaskFailure) -> GateRules {
        guard let path else { return builtIn }
        let bytes = try host { () throws(SystemError) in
            try Descriptor.open(path, O_RDONLY).readAll(limit: 1 << 18, subject: "\"\(path)\"")
        }
        do throws(DocumentError) {
            return try GateRules(try Node.read(bytes, file: path), over: builtIn)
        } catch {
            throw TaskFailure(message: "\(error)")
        }
    }
}
