// SPDX-License-Identifier: Apache-2.0
internal import Policy

extension Registries {
    /// pip's configuration files, each later one winning key by key, then its variables.
    /// https://pip.pypa.io/en/stable/topics/configuration/
    func pip() throws(PolicyError) -> Findings {
        var paths = ["/etc/xdg/pip/pip.conf", "/etc/pip.conf"]
        if let home { paths.append(home + "/.pip/pip.conf") }
        if let configuration { paths.append(configuration + "/pip/pip.conf") }
        if let file = environment("PIP_CONFIG_FILE"), file.hasPrefix("/"), file != "/dev/null" { paths.append(file) }
        let keys = ["index-url", "extra-index-url", "find-links"]
        var values: [String: Location] = [:]
        for path in paths {
            guard let text = try read(path) else { continue }
            let settings = ConfigurationText.ini(text)
            for section in ["global", "install", "download"] {
                for setting in settings where setting.section == section && keys.contains(setting.key) {
                    values[setting.key] = Location(url: setting.value, origin: "\(path):\(setting.line)")
                }
            }
        }
        for key in keys {
            let name = "PIP_" + String(key.uppercased().map { $0 == "-" ? "_" : $0 })
            if let value = environment(name), !value.isEmpty { values[key] = Location(url: value, origin: name) }
        }
        var found = Findings(looked: paths, setting: "index-url")
        if values["index-url"] == nil { found.locations = try installedIndex() }
        guard values["index-url"] != nil || !found.locations.isEmpty else { return found }
        for key in keys {
            guard let value = values[key] else { continue }
            found.locations += ConfigurationText.words(value.url).map { Location(url: $0, origin: value.origin) }
        }
        return found
    }

    /// apt's sources, in both of its formats. sources.list(5)
    func apt() throws(PolicyError) -> Findings {
        let directory = "/etc/apt/sources.list.d"
        var found = Findings(looked: ["/etc/apt/sources.list", directory], setting: "source")
        var paths = ["/etc/apt/sources.list"]
        for name in try list(directory) where name.hasSuffix(".list") || name.hasSuffix(".sources") {
            paths.append("\(directory)/\(name)")
        }
        for path in paths {
            guard let text = try read(path) else { continue }
            found.locations += path.hasSuffix(".sources") ? Self.stanzas(text, path) : Self.oneLine(text, path)
        }
        return found
    }

    /// `deb [options] URI suite components`.
    private static func oneLine(_ text: String, _ path: String) -> [Location] {
        ConfigurationText.lines(text).compactMap { number, line in
            let written = String(line.prefix { $0 != "#" })
            guard let type = ConfigurationText.words(written).first, type == "deb" || type == "deb-src" else {
                return nil
            }
            var rest = Substring(ConfigurationText.trimmed(ConfigurationText.trimmed(written).dropFirst(type.count)))
            if rest.hasPrefix("["), let end = rest.firstIndex(of: "]") { rest = rest[rest.index(after: end)...] }
            return ConfigurationText.words(rest).first.map { Location(url: $0, origin: "\(path):\(number)") }
        }
    }

    /// Stanzas of fields, of which `URIs` may go on in indented lines and `Enabled: no` takes the stanza away.
    private static func stanzas(_ text: String, _ path: String) -> [Location] {
        var found: [Location] = []
        var stanza: [Location] = []
        var isEnabled = true
        var field = ""
        func end() {
            if isEnabled { found += stanza }
            stanza = []
            isEnabled = true
            field = ""
        }
        for (number, line) in ConfigurationText.lines(text) {
            if line.hasPrefix("#") { continue }
            if ConfigurationText.trimmed(line).isEmpty {
                end()
                continue
            }
            var value = ConfigurationText.trimmed(line)
            if line.first != " ", line.first != "\t" {
                guard let colon = value.firstIndex(of: ":") else { continue }
                field = value[..<colon].lowercased()
                value = ConfigurationText.trimmed(value[value.index(after: colon)...])
            }
            if field == "uris" {
                stanza += ConfigurationText.words(value).map { Location(url: $0, origin: "\(path):\(number)") }
            }
            if field == "enabled" { isEnabled = !["no", "false", "0", "off"].contains(value.lowercased()) }
        }
        end()
        return found
    }

    /// npm's files: the global ones, then the caller's. npmrc(5)
    func npm() throws(PolicyError) -> Findings {
        var paths = ["/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc"]
        if let file = environment("NPM_CONFIG_USERCONFIG"), file.hasPrefix("/") {
            paths.append(file)
        } else if let home {
            paths.append(home + "/.npmrc")
        }
        var values: [String: Location] = [:]
        for path in paths {
            guard let text = try read(path) else { continue }
            for setting in ConfigurationText.ini(text)
            where setting.key == "registry" || setting.key.hasPrefix("@") && setting.key.hasSuffix(":registry") {
                values[setting.key] = Location(
                    url: ConfigurationText.unquoted(setting.value), origin: "\(path):\(setting.line)")
            }
        }
        for name in ["NPM_CONFIG_REGISTRY", "npm_config_registry"] {
            if let value = environment(name), !value.isEmpty { values["registry"] = Location(url: value, origin: name) }
        }
        var found = Findings(looked: paths, setting: "registry")
        if values["registry"] == nil { found.locations = try installedRegistry() }
        guard values["registry"] != nil || !found.locations.isEmpty else { return found }
        found.locations += values.sorted { $0.key < $1.key }.map { $0.value }
        return found
    }

    /// cargo's replacement of its own source, and registries by name. https://doc.rust-lang.org/cargo/reference/
    ///
    /// A registry may keep its files on another host than its index (`dl` in its config.json), which only the registry
    /// knows: such a host needs a rule of its own.
    func cargo() throws(PolicyError) -> Findings {
        guard let base = environment("CARGO_HOME") ?? home.map({ $0 + "/.cargo" }) else {
            return Findings(setting: "replacement of crates-io")
        }
        let paths = [base + "/config", base + "/config.toml"]
        var values: [String: Location] = [:]
        for path in paths {
            guard let text = try read(path) else { continue }
            for setting in ConfigurationText.toml(text) {
                let key = setting.section.isEmpty ? setting.key : "\(setting.section).\(setting.key)"
                values[key] = Location(url: setting.value, origin: "\(path):\(setting.line)")
            }
        }
        var found = Findings(looked: paths, setting: "replacement of crates-io")
        var source = "crates-io"
        for _ in 0..<8 {
            guard let next = values["source.\(source).replace-with"]?.url else { break }
            source = next
        }
        if source != "crates-io" {
            let place = values["source.\(source).registry"] ?? values["registries.\(source).index"]
            found.locations = place.map { [$0] } ?? []
        }
        guard !found.locations.isEmpty else { return found }
        found.locations += values.sorted { $0.key < $1.key }
            .filter { $0.key.hasPrefix("registries.") && $0.key.hasSuffix(".index") }.map { $0.value }
        return found
    }

    /// Go's environment files: the one beside the toolchain, then the caller's. https://go.dev/ref/mod#environment-variables
    func go() throws(PolicyError) -> Findings {
        var paths = [(environment("GOROOT") ?? "/usr/local/go") + "/go.env", "/usr/lib/go/go.env"]
        if let file = environment("GOENV"), file.hasPrefix("/") {
            paths.append(file)
        } else if let configuration {
            paths.append(configuration + "/go/env")
        }
        var values: [String: Location] = [:]
        for path in paths {
            guard let text = try read(path) else { continue }
            for (number, line) in ConfigurationText.lines(text) where !line.hasPrefix("#") {
                guard let mark = line.firstIndex(of: "=") else { continue }
                let value = ConfigurationText.trimmed(line[line.index(after: mark)...])
                values[ConfigurationText.trimmed(line[..<mark])] = Location(
                    url: ConfigurationText.unquoted(value), origin: "\(path):\(number)")
            }
        }
        for name in ["GOPROXY", "GOSUMDB"] {
            if let value = environment(name), !value.isEmpty { values[name] = Location(url: value, origin: name) }
        }
        var found = Findings(looked: paths, setting: "GOPROXY")
        guard let proxy = values["GOPROXY"] else { return found }
        found.locations = proxy.url.split { $0 == "," || $0 == "|" }.map { ConfigurationText.trimmed($0) }
            .filter { $0 != "direct" && $0 != "off" && !$0.isEmpty }.map { Location(url: $0, origin: proxy.origin) }
        // The name of a checksum database, its key behind it, or its own URL.
        if !found.locations.isEmpty, let sums = values["GOSUMDB"] {
            let words = ConfigurationText.words(sums.url)
            if let name = words.first?.prefix(while: { $0 != "+" }), name != "off" {
                let url = words.count > 1 ? words[1] : "https://\(name)/"
                found.locations.append(Location(url: url, origin: sums.origin))
            }
        }
        return found
    }
}
