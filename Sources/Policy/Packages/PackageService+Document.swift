// SPDX-License-Identifier: Apache-2.0
internal import Documents

extension PackageService {
    /// Reads a document, strictly: each key known, none twice, each value of its kind, each pattern one index's.
    ///
    /// - Throws: ``PolicyError`` with file, line and remedy.
    package init(_ bytes: [UInt8], file: String) throws(PolicyError) {
        do throws(PolicyError) {
            let node: Node
            do throws(DocumentError) { node = try Node.read(bytes, file: file) } catch { throw PolicyError(error) }
            try self.init(ProfileField(path: "", node: node))
        } catch {
            var error = error
            error.operation = "read"
            throw error
        }
    }

    private init(_ document: ProfileField) throws(PolicyError) {
        let fields = try document.fields(known: ["version", "indexes"])
        guard let version = fields["version"] else { throw document.without("version", "Write \"version: 1\".") }
        guard try version.word() == "1" else { throw version.error("is not 1", remedy: "Write \"version: 1\".") }
        guard let named = fields["indexes"] else { throw document.without("indexes", "Name at least one index.") }
        var indexes: [Index] = []
        var owners: [PackagePattern: String] = [:]
        for (key, field) in try named.entries() {
            guard Self.isName(key.value) else {
                throw field.error("has no plain name", remedy: "Name it in small letters, digits and \"-\".")
            }
            let index = try field.index(key.value)
            for pattern in index.packages {
                if let other = owners.updateValue(index.name, forKey: pattern) {
                    throw field.error(
                        "claims \"\(pattern)\", which belongs to \"\(other)\" already",
                        remedy: "A name comes from one index: take it away from the other.")
                }
            }
            indexes.append(index)
        }
        guard (1...Self.mostIndexes).contains(indexes.count) else {
            throw named.error("names \(indexes.count) indexes", remedy: "Name 1 to \(Self.mostIndexes).")
        }
        self.init(indexes: indexes.sorted { $0.name < $1.name })
    }

    private static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
    }
}

extension ProfileField {
    fileprivate func without(_ key: String, _ remedy: String) -> PolicyError {
        PolicyError("it has no \"\(key)\"", at: node.place, remedy: remedy)
    }

    fileprivate func index(_ name: String) throws(PolicyError) -> PackageService.Index {
        let fields = try fields(known: [
            "upstream", "downloads", "packages", "credential", "send", "addresses", "ca_file", "min_age_days",
            "wheels_only",
        ])
        guard let upstream = fields["upstream"] else {
            throw without("upstream", "Write the URL before a project's name, such as https://index.example/simple.")
        }
        guard let owned = fields["packages"] else {
            throw without("packages", "List the names that belong to it: acme-tool, acme-*, or \"*\" for the rest.")
        }
        var index = PackageService.Index(
            name: name, upstream: try upstream.origin(), packages: try owned.patterns())
        for element in try fields["downloads"]?.elements() ?? [] {
            let origin = try element.origin()
            guard origin.path.isEmpty, index.downloads.count < PackageService.mostDownloads else {
                throw element.error(
                    "is a path, or one too many",
                    remedy: "Name hosts, at most \(PackageService.mostDownloads), as https://files.example.")
            }
            index.downloads.append(origin)
        }
        index.credential = try fields["credential"]?.string()
        if let send = fields["send"] {
            guard index.credential != nil else {
                throw send.error("says how nothing is sent", remedy: "Name a credential, or remove the key.")
            }
            index.scheme = try send.choice(PackageService.Scheme.self)
        }
        index.addresses = try fields["addresses"]?.addressBlocks()
        if let file = fields["ca_file"] {
            let path = try file.string()
            guard path.hasPrefix("/") else { throw file.error("is no absolute path", remedy: "Begin it with \"/\".") }
            index.authorities = path
        }
        if let field = fields["min_age_days"] {
            guard let days = Units.count(try field.word("a whole number")), PackageService.ages.contains(days) else {
                throw field.error(
                    "is no number of days from 1 to \(PackageService.ages.upperBound)", remedy: "Write one.")
            }
            index.minimumAgeDays = days
        }
        if let field = fields["wheels_only"] {
            let word = try field.word("true or false")
            guard ["true", "false"].contains(word) else {
                throw field.error("is neither true nor false", remedy: "Write one of the two.")
            }
            index.wheelsOnly = word == "true"
        }
        return index
    }

    private func origin() throws(PolicyError) -> ModelOrigin {
        let text = try string()
        do throws(ModelOrigin.Flaw) { return try ModelOrigin(text) } catch {
            throw self.error(error.rawValue, remedy: "Write https://host, with :port and a path where needed.")
        }
    }

    private func patterns() throws(PolicyError) -> [PackagePattern] {
        var patterns: [PackagePattern] = []
        for element in try elements() {
            let text = try element.string()
            guard let pattern = PackagePattern(text) else {
                throw element.error(
                    "is \"\(text)\", which is no name in its one form",
                    remedy: "Write small letters, digits and single hyphens, with one \"*\" at the end at most.")
            }
            guard patterns.count < PackageService.mostPatterns, !patterns.contains(pattern) else {
                throw element.error("is \"\(text)\" a second time, or one too many", remedy: "Remove it.")
            }
            patterns.append(pattern)
        }
        guard !patterns.isEmpty else {
            throw error(
                "is an empty list, which leaves it without a package", remedy: "Name some, or remove the index.")
        }
        return patterns
    }
}
