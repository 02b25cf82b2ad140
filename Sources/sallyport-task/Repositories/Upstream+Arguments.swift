// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
internal import Workspace

extension Upstream {
    /// Reads what a caller named: a URL, or a directory of this host, which has to be there.
    init(argument text: String) throws(TaskFailure) {
        var text = text
        if !text.contains("://") {
            guard let real = realpath(text, nil) else {
                throw TaskFailure(
                    "find", "upstream \"\(Upstream.shown(text))\"", "no such directory (ENOENT)",
                    remedy: "Give a directory of this host, or an https URL.")
            }
            text = String(cString: real)
            free(real)
        }
        do throws(UpstreamFlaw) { try self.init(text) } catch {
            throw TaskFailure(
                "use upstream", "\"\(Upstream.shown(text))\"", error.reason,
                remedy: "Name credentials with --credential, by reference.")
        }
    }

    /// Under which name a session finds it at git.internal, where nobody chose another.
    var defaultName: String {
        switch self {
        case .remote(let url): url.path
        case .local(let path):
            "/" + (path.split(separator: "/").last { $0 != ".git" }.map(String.init) ?? "repository")
        }
    }
}

extension CredentialReference {
    /// Reads what a caller named. A slip could have put the secret itself there, so it is not said again.
    init(argument text: String, of option: String = "--credential", _ misuse: (String) -> TaskFailure)
        throws(TaskFailure)
    {
        guard let reference = CredentialReference(text) else {
            throw misuse("\(option) is neither file:/path nor env:NAME nor credential:NAME")
        }
        self = reference
    }
}
