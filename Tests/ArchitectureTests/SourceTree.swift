// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The repository that this file was compiled from.
struct SourceTree {
    struct File {
        /// Relative to the repository.
        let path: String
        let text: String
    }

    let root: URL

    init() {
        root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
    }

    func text(of path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path)
    }

    func isDirectory(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: root.appending(path: path).path, isDirectory: &isDirectory)
            && isDirectory.boolValue
    }

    /// The pages that people read, by path: those of the root directory and all below docs.
    func pages() throws -> [(path: String, page: Markdown)] {
        let names = ["CHANGELOG.md", "README.md", "SECURITY.md"]
        let files = try names.map { File(path: $0, text: try text(of: $0)) } + files(below: "docs", endings: ["md"])
        return files.map { ($0.path, Markdown($0.text)) }
    }

    /// The directories in `path` by name; none when `path` does not exist.
    func directories(in path: String) throws -> [String] {
        let parent = root.appending(path: path)
        guard FileManager.default.fileExists(atPath: parent.path) else { return [] }
        return try FileManager.default.contentsOfDirectory(at: parent, includingPropertiesForKeys: [.isDirectoryKey])
            .filter { try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true }
            .map(\.lastPathComponent).sorted()
    }

    /// All files below `path` with one of the given endings.
    func files(below path: String, endings: Set<String>) throws -> [File] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: path).path)
        return try names.filter { endings.contains(URL(filePath: $0).pathExtension) }.sorted().map {
            File(path: "\(path)/\($0)", text: try text(of: "\(path)/\($0)"))
        }
    }
}
