// SPDX-License-Identifier: Apache-2.0
package import LinuxSystem

/// What a delivered repository may consist of.
///
/// A step that reads hostile bytes wrote it, and a person's git will obey it: a step that was taken over could leave a
/// hook or a configuration behind. So nothing stays but objects and branches, and the configuration is ours.
package enum RepositoryShape {
    private static let configuration = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"

    /// Brings a repository into its shape; no step runs any more.
    package static func settle(_ repository: borrowing Directory) throws(SystemError) {
        try keep(repository) { ["HEAD", "config", "objects", "refs"].contains($0) }
        try repository.replace("config", with: Array(configuration.utf8), mode: 0o644)
        let objects = try repository.directory("objects")
        try keep(objects) { $0 == "pack" }
        try keep(try objects.directory("pack")) {
            $0.hasPrefix("pack-") && ($0.hasSuffix(".pack") || $0.hasSuffix(".idx"))
        }
        let references = try repository.directory("refs")
        try keep(references) { $0 == "heads" }
        try keepReferences(try references.directory("heads"))
        let head = try repository.read("HEAD", limit: 4096)
        guard case .reference(let name) = ReferenceText.head(head), ReferenceName.flaw(name) == nil else {
            try repository.replace("HEAD", with: Array("ref: \(BareRepository.baseReference)\n".utf8), mode: 0o644)
            return
        }
    }

    private static func keep(_ directory: borrowing Directory, _ isWanted: (String) -> Bool) throws(SystemError) {
        for name in try directory.names() where !isWanted(String(decoding: name, as: UTF8.self)) {
            try directory.removeTree(name)
        }
    }

    /// A branch is a file with one commit's name in it.
    private static func keepReferences(_ directory: borrowing Directory) throws(SystemError) {
        for bytes in try directory.names() {
            let name = String(decoding: bytes, as: UTF8.self)
            let status = try directory.status(name)
            if status.isDirectory {
                try keepReferences(try directory.directory(name))
                continue
            }
            let text = status.size > 64 ? [] : try directory.read(name, limit: 64)
            if ReferenceText.loose(text) == nil { try directory.removeTree(bytes) }
        }
    }
}
