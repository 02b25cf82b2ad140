// SPDX-License-Identifier: Apache-2.0

extension Profile {
    func lintFilesystem() -> [LintFinding] {
        lintWritable() + lintReadOnly() + lintDenied()
    }

    private func lintWritable() -> [LintFinding] {
        filesystem.writable.enumerated().flatMap { index, path -> [LintFinding] in
            let key = "filesystem.writable[\(index)]"
            if let refusal = refusedPath(path, key) { return [refusal] }
            guard Self.writableTrees.contains(where: { $0.contains(path) }) else {
                return [
                    finding(
                        .error, key, "is \(path.text), in a tree that is read-only for every sandbox",
                        remedy: "Choose a path at or below /workspace, /tmp or /dev/shm.")
                ]
            }
            let decision = filesystem.decide(path)
            guard decision.access != .writable else { return [] }
            let cause =
                filesystem.workspace == .readOnly && RulePath.workspace.contains(path)
                ? "filesystem.workspace is read-only" : "the same path is also \(decision.access.text)"
            return [
                finding(.error, key, "is \(path.text) and can never hold: \(cause)", remedy: "Keep one of the two.")
            ]
        }
    }

    private func lintReadOnly() -> [LintFinding] {
        filesystem.readOnly.enumerated().flatMap { index, path -> [LintFinding] in
            let key = "filesystem.read_only[\(index)]"
            if let refusal = refusedPath(path, key) { return [refusal] }
            if filesystem.deny.contains(path) {
                return [
                    finding(
                        .error, key, "is \(path.text) and can never hold: the same path is also denied",
                        remedy: "Keep one of the two.")
                ]
            }
            guard rootfs != "host" || Self.hostTrees.contains(where: { $0.contains(path) }) else {
                return [
                    finding(
                        .error, key, "is \(path.text), which does not exist in rootfs \"host\"",
                        remedy: "Choose a path below /usr or /etc, or another rootfs.")
                ]
            }
            return []
        }
    }

    private func lintDenied() -> [LintFinding] {
        filesystem.deny.enumerated().flatMap { index, path -> [LintFinding] in
            let needed = Self.neededTrees.first { path.contains($0) }
            return needed.map { tree in
                [
                    finding(
                        .error, "filesystem.deny[\(index)]",
                        "is \(path.text), but no program starts without \(tree.text)",
                        remedy: "Name something below it.")
                ]
            } ?? []
        }
    }

    /// Paths that no profile hands out: the whole tree, kernel interfaces, and sockets that command the host.
    private func refusedPath(_ path: RulePath, _ key: String) -> LintFinding? {
        if path == .root {
            return finding(.error, key, "is the whole tree", remedy: "Name the directories the task needs.")
        }
        if let last = path.components.last, Self.hostSockets.contains(where: { Array($0.utf8) == last }) {
            return finding(
                .error, key, "is \(path.text), a socket that commands the host: read-only does not stop a connect",
                remedy: "Remove it.")
        }
        if Self.kernelTrees.contains(where: { $0.contains(path) }), !Self.sharedMemory.contains(path) {
            return finding(
                .error, key, "is \(path.text), which Sallyport itself decides about",
                remedy: "Remove it; what a sandbox sees there is the same in every profile.")
        }
        return nil
    }

    private static func tree(_ components: String...) -> RulePath {
        RulePath(components: components.map { Array($0.utf8) })
    }

    private static let sharedMemory = tree("dev", "shm")
    private static let writableTrees = [RulePath.workspace, tree("tmp"), sharedMemory]
    private static let hostTrees = [tree("usr"), tree("etc"), RulePath.workspace, tree("tmp")]
    private static let kernelTrees = [tree("proc"), tree("sys"), tree("dev"), tree("run"), tree("var", "run")]
    private static let neededTrees = [tree("usr"), tree("proc"), tree("dev"), RulePath.workspace]
    private static let hostSockets = [
        "docker.sock", "containerd.sock", "podman.sock", "crio.sock", "system_bus_socket", "snapd.socket",
    ]
}
