// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
internal import Policy

/// Where the secrets of a task's models lie: nobody but the sandbox of its agent is started with those in variables.
enum ModelSecrets {
    private static let longest = 256 << 10

    /// What the file of `--model` names; `sallyport run` judges the rest of it when the agent starts.
    static func references(in file: String?) throws(TaskFailure) -> [CredentialReference] {
        guard let file else { return [] }
        let bytes = try host { () throws(SystemError) in
            try Descriptor.open(file, O_RDONLY | O_NONBLOCK).readAll(limit: longest, subject: "\"\(file)\"")
        }
        do throws(PolicyError) {
            return try ModelService(bytes, file: file).upstreams.flatMap { $0.authorization.credentials }
                .compactMap { CredentialReference($0) }
        } catch { throw TaskFailure(message: error.description, code: "model") }
    }
}
