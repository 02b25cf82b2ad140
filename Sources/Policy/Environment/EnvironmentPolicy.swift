// SPDX-License-Identifier: Apache-2.0

/// The environment of a task: empty but for this.
package struct EnvironmentPolicy: Sendable, Hashable {
    package struct Variable: Sendable, Hashable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Names taken over from the caller's environment where it has them.
    package var pass: [String]
    /// Values of the profile's own, sorted by name; they win over what is passed.
    package var set: [Variable]

    package init(pass: [String], set: [Variable]) {
        self.pass = pass
        self.set = set
    }

    /// Longest value that a profile may set. The kernel takes 128 KiB (MAX_ARG_STRLEN); the rest is for the command.
    package static let maximumValueBytes = 32 * 1024

    /// Letters, digits and underscores, not beginning with a digit: what every shell can name.
    package static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first), name.utf8.count <= 255 else { return false }
        return name.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "_") || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
                || (0x61...0x7A).contains(byte)
        }
    }

    /// Whether a name is one that credentials go by. A task never needs one: they are added outside the sandbox.
    package static func looksLikeCredential(_ name: String) -> Bool {
        let upper = name.uppercased()
        if credentialNames.contains(upper) || credentialPrefixes.contains(where: { upper.hasPrefix($0) }) {
            return true
        }
        return upper.split(separator: "_").contains { word in
            credentialWords.contains { word.hasSuffix($0) || word.hasPrefix($0) && $0 != "KEY" }
        }
    }

    /// Whether a variable makes programs load or run something: the loader, shells, interpreters, git, pagers.
    package static func steersPrograms(_ name: String) -> Bool {
        steeringNames.contains(name) || steeringPrefixes.contains { name.hasPrefix($0) }
    }

    private static let credentialWords = [
        "TOKEN", "TOKENS", "SECRET", "SECRETS", "KEY", "KEYS", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL",
        "CREDENTIALS", "COOKIE",
    ]
    private static let credentialPrefixes = ["AWS_", "GITHUB_", "GITLAB_", "AZURE_", "GOOGLE_", "GCP_", "VAULT_"]
    private static let credentialNames: Set<String> = [
        "SSH_AUTH_SOCK", "NETRC", "KUBECONFIG", "DOCKER_CONFIG", "PGPASS",
    ]

    private static let steeringPrefixes = ["LD_", "DYLD_", "GIT_", "BASH_FUNC_"]
    private static let steeringNames: Set<String> = [
        "BASH_ENV", "ENV", "PROMPT_COMMAND", "IFS", "PAGER", "EDITOR", "VISUAL", "BROWSER", "NODE_OPTIONS",
        "PYTHONSTARTUP", "PYTHONPATH", "PYTHONHOME", "PERL5LIB", "PERL5OPT", "RUBYOPT", "RUBYLIB", "JAVA_TOOL_OPTIONS",
        "GCONV_PATH", "LOCPATH", "NLSPATH", "GLIBC_TUNABLES", "MALLOC_CHECK_",
    ]
}
