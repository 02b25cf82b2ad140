// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
internal import Secrets
internal import TaskModel
internal import Workspace

/// A directory of the operator's for an agent: entries of MCP servers, skills, settings.
///
/// They are put below its `$HOME` by the command that starts it, like the files of a preset, and so they are in the evidence and come
/// out the same in a reproduction. They open no way: a server of the network is reached where a rule of the profile says so.
enum AgentFiles {
    private static let mostFiles = 64
    private static let mostBytes = 48_000
    private static let deepest = 8

    /// - Parameter path: Nil when there is none.
    static func read(_ path: String?) throws(TaskFailure) -> [AgentPreset.File] {
        guard let path else { return [] }
        var files: [AgentPreset.File] = []
        var waiting = [""]
        var bytes = 0
        let top = try host { () throws(SystemError) in try Directory.open(path) }
        while let below = waiting.popLast() {
            let names = try host { () throws(SystemError) in
                try top.directory(below.isEmpty ? "." : below).names()
            }
            for name in names {
                let text = String(decoding: name, as: UTF8.self)
                let file = below.isEmpty ? text : "\(below)/\(text)"
                guard AgentPreset.isPath(file) else {
                    throw refused(path, file, "its name has a character that is none of letters, digits and _-.")
                }
                let status = try host { () throws(SystemError) in try top.status(file) }
                if status.isDirectory, file.split(separator: "/").count < deepest {
                    waiting.append(file)
                    continue
                }
                guard status.isRegular else { throw refused(path, file, "it is no file, or lies too deep") }
                bytes += Int(clamping: status.size)
                guard bytes <= mostBytes, files.count < mostFiles else {
                    throw refused(path, file, "there are more than \(mostFiles) files or \(mostBytes) bytes")
                }
                let content = try host { () throws(SystemError) in try top.read(file, limit: mostBytes) }
                files.append(.init(path: file, text: try checked(content, path, file)))
            }
        }
        return files.sorted { $0.path < $1.path }
    }

    private static func checked(_ content: [UInt8], _ path: String, _ file: String) throws(TaskFailure) -> String {
        guard let text = String(validating: content, as: UTF8.self), !content.contains(0) else {
            throw refused(path, file, "it is no text")
        }
        guard Redactor.redacted(text) == text else {
            throw refused(path, file, "it has what looks like a credential in it, and none enters a sandbox")
        }
        return text
    }

    private static func refused(_ path: String, _ file: String, _ reason: String) -> TaskFailure {
        TaskFailure(
            "give the agent", "\"\(PrintableText.escapedOnce("\(path)/\(file)"))\"", reason,
            remedy: "Leave it out of the directory of --agent-files.")
    }
}
