// SPDX-License-Identifier: Apache-2.0
internal import Policy

extension Registries {
    /// The index and the file host that pip's own code names, where its files lie on this host.
    ///
    /// `PyPI = PackageIndex("https://...", file_storage_domain="...")` in pip/_internal/models/index.py, unchanged since
    /// pip 10. Sessions run this very pip, so what is read here is what it will ask for.
    func installedPip() throws(PolicyError) -> [Location] {
        var found: [Location] = []
        for base in ["/usr/lib", "/usr/local/lib"] {
            for directory in try list(base) where directory.hasPrefix("python3") {
                for packages in ["dist-packages", "site-packages"] {
                    let path = "\(base)/\(directory)/\(packages)/pip/_internal/models/index.py"
                    if let text = try read(path) { found += Self.pipIndex(text, path) }
                }
            }
        }
        return found
    }

    private static func pipIndex(_ text: String, _ path: String) -> [Location] {
        let start = "PyPI = PackageIndex("
        var isInside = false
        for (number, line) in ConfigurationText.lines(text) {
            if line.hasPrefix(start) { isInside = true }
            guard isInside else { continue }
            let quoted = line.split(separator: "\"", omittingEmptySubsequences: false)
            // What stands at odd places is between quotes. The file host is written without a scheme.
            let places = quoted.indices.filter { $0 % 2 == 1 }.map { index in
                let value = String(quoted[index])
                return Location(
                    url: value.contains("://") ? value : "https://\(value)/", origin: "\(path):\(number)")
            }
            if !places.isEmpty { return places }
            if line.contains(")") { return [] }
        }
        return []
    }

    /// The registry that npm's own definitions give as the default.
    func installedNpm() throws(PolicyError) -> Location? {
        for base in ["/usr/lib/node_modules", "/usr/local/lib/node_modules", "/usr/share/nodejs"] {
            let path = base + "/npm/node_modules/@npmcli/config/lib/definitions/definitions.js"
            guard let text = try read(path) else { continue }
            var isInside = false
            for (number, line) in ConfigurationText.lines(text) {
                let words = ConfigurationText.trimmed(line)
                if words.hasSuffix("'registry', {") { isInside = true }
                guard isInside, words.hasPrefix("default:") else { continue }
                let parts = words.split(separator: "'", omittingEmptySubsequences: false)
                guard parts.count == 3 else { break }
                return Location(url: String(parts[1]), origin: "\(path):\(number)")
            }
        }
        return nil
    }
}
