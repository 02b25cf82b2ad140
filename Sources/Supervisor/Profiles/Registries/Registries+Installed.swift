// SPDX-License-Identifier: Apache-2.0
internal import Policy

extension Registries {
    /// Where a client that is not configured goes by itself, as its own installed files say: no such host is written
    /// down here, so that another version or a distribution's patch is followed.
    ///
    /// Only files below /usr, which are the packages' and root's. Nothing is run.
    func installedIndex() throws(PolicyError) -> [Location] {
        let file = "pip/_internal/models/index.py"
        var paths = ["/usr/lib/python3/dist-packages/\(file)"]
        for name in try list("/usr/local/lib") where name.hasPrefix("python3") {
            paths += ["dist-packages", "site-packages"].map { "/usr/local/lib/\(name)/\($0)/\(file)" }
        }
        for path in paths {
            guard let text = try read(path) else { continue }
            for (number, line) in ConfigurationText.lines(text) where line.hasPrefix("PyPI = PackageIndex(") {
                // The index, and the host that its files lie on.
                return Self.quoted(line).map {
                    Location(url: $0.contains("://") ? $0 : "https://\($0)/", origin: "\(path):\(number)")
                }
            }
        }
        return []
    }

    /// The same for npm, whose settings are defined with their defaults.
    func installedRegistry() throws(PolicyError) -> [Location] {
        let file = "@npmcli/config/lib/definitions/definitions.js"
        for path in ["/usr/lib/node_modules/npm/node_modules/\(file)", "/usr/share/nodejs/\(file)"] {
            guard let text = try read(path) else { continue }
            var isSetting = false
            for (number, line) in ConfigurationText.lines(text) {
                if line.contains("new Definition('") { isSetting = line.contains("new Definition('registry'") }
                guard isSetting, ConfigurationText.trimmed(line).hasPrefix("default:"),
                    let url = Self.quoted(line).first
                else { continue }
                return [Location(url: url, origin: "\(path):\(number)")]
            }
        }
        return []
    }

    /// The texts between quotes of either kind.
    private static func quoted(_ line: Substring) -> [String] {
        var found: [String] = []
        var current: String?
        var mark: Character = "\""
        for character in line {
            if let text = current {
                if character == mark {
                    found.append(text)
                    current = nil
                } else {
                    current = text + String(character)
                }
            } else if character == "\"" || character == "'" {
                mark = character
                current = ""
            }
        }
        return found
    }
}
