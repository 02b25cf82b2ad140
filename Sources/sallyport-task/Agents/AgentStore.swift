// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Glibc
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// The presets that are shipped, and the agents that were installed on this host.
struct AgentStore {
    /// `profiles/agents` of this build.
    let presets: String
    /// Where agents are installed, each in a directory of its name.
    let installed: String

    private static let longest = 256 << 10
    private static let ending = ".yaml"

    init(programs: String, state: String) throws(TaskFailure) {
        guard let profiles = ShippedProfiles.directory(beside: programs) else {
            throw TaskFailure(
                "find", "the shipped profiles", "they are not there (ENOENT)",
                remedy: "They belong in ../share/sallyport/profiles beside the program.")
        }
        presets = profiles + "/agents"
        installed = state + "/agents"
    }

    /// The names of all presets, sorted.
    func names() throws(TaskFailure) -> [String] {
        let names = try host { () throws(SystemError) in try Directory.open(presets).names() }
        return names.compactMap { String(validating: $0, as: UTF8.self) }.filter { $0.hasSuffix(Self.ending) }
            .map { String($0.dropLast(Self.ending.count)) }.sorted()
    }

    /// - Parameter word: A name, or the path of a file: with a slash or with the ending .yaml.
    func preset(_ word: String) throws(TaskFailure) -> AgentPreset {
        let isFile = word.contains("/") || word.hasSuffix(Self.ending)
        if !isFile, !(try names().contains(word)) {
            throw TaskFailure(
                "use", "agent \"\(PrintableText.escapedOnce(word))\"", "there is no preset of this name",
                remedy: "See sallyport agent list, or give the path of a file of your own.")
        }
        let path = isFile ? word : "\(presets)/\(word)\(Self.ending)"
        let bytes = try host { () throws(SystemError) in
            try Descriptor.open(path, O_RDONLY).readAll(limit: Self.longest, subject: "\"\(path)\"")
        }
        let file = path.split(separator: "/").last.map(String.init) ?? path
        let name = file.hasSuffix(Self.ending) ? String(file.dropLast(Self.ending.count)) : file
        do throws(TaskModelError) { return try AgentPreset(bytes, name: name, file: path) } catch {
            throw TaskFailure(message: "\(error)")
        }
    }

    /// What was installed for a preset; nil when nothing was.
    func files(of preset: AgentPreset) -> String? { files(named: preset.name) }

    /// - Parameter name: From anywhere; what is no name has no files.
    func files(named name: String) -> String? {
        let path = "\(installed)/\(name)"
        return AgentPreset.isName(name) && access(path, F_OK) == 0 ? path : nil
    }
}
