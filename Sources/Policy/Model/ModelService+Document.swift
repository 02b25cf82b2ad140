// SPDX-License-Identifier: Apache-2.0
internal import Documents

extension ModelService {
    /// Reads a document, strictly: each key known, none twice, each value of its kind.
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

    private static let known = [
        "version", "apis", "models", "budget_usd", "turns", "max_output_tokens", "vendor_tools", "grants", "body_keys",
        "prices",
    ]

    private init(_ document: ProfileField) throws(PolicyError) {
        let fields = try document.fields(known: Self.known)
        guard let version = fields["version"] else { throw document.lacks("version", "Write \"version: 1\".") }
        guard try version.word() == "1" else { throw version.error("is not 1", remedy: "Write \"version: 1\".") }
        guard let apis = fields["apis"] else { throw document.lacks("apis", Self.nameAnAPI) }
        let named = try apis.fields(known: API.allCases.map { $0.rawValue })
        var upstreams: [Upstream] = []
        for api in API.allCases {
            if let field = named[api.rawValue] { upstreams.append(try field.upstream(api)) }
        }
        guard !upstreams.isEmpty else { throw apis.error("names no API", remedy: Self.nameAnAPI) }
        guard let models = fields["models"] else {
            throw document.lacks("models", "List the models that may be asked; \"name-*\" is each that begins so.")
        }
        let names = try models.names()
        guard !names.isEmpty else {
            throw models.error("is an empty list, which allows no model", remedy: "Name the models.")
        }
        guard let budget = fields["budget_usd"] else {
            throw document.lacks("budget_usd", "Write what the session may spend, in dollars.")
        }
        self.init(upstreams: upstreams, models: names, budget: try budget.money(Self.budgets))
        if let field = fields["turns"] { turns = try field.number(Self.turnCounts) }
        if let field = fields["max_output_tokens"] { outputTokens = try field.number(Self.outputBounds) }
        if let field = fields["vendor_tools"] { vendorTools = try field.names() }
        for element in try fields["grants"]?.elements() ?? [] { grants.append(try element.choice(Grant.self)) }
        if let field = fields["body_keys"] { bodyKeys = try field.names() }
        if let field = fields["prices"] { prices = try field.absolutePath() }
    }

    private static let nameAnAPI =
        "Name at least one of \(API.allCases.map { $0.rawValue }.joined(separator: ", ")) under it."
}

extension ProfileField {
    fileprivate func lacks(_ key: String, _ remedy: String) -> PolicyError {
        PolicyError("it has no \"\(key)\"", at: node.place, remedy: remedy)
    }

    fileprivate func upstream(_ api: ModelService.API) throws(PolicyError) -> ModelService.Upstream {
        let fields = try fields(known: ["upstream", "credential", "send", "sigv4", "addresses", "ca_file"])
        guard let address = fields["upstream"] else {
            throw lacks("upstream", "Write the URL before the API's own path.")
        }
        let text = try address.string()
        let origin: ModelOrigin
        do throws(ModelOrigin.Flaw) { origin = try ModelOrigin(text) } catch {
            throw address.error(
                error.rawValue, remedy: "Write https://host, with :port and a path before the API's own where needed.")
        }
        let authorization: ModelService.Authorization
        if let signature = fields["sigv4"] {
            for other in ["credential", "send"] {
                if let field = fields[other] {
                    throw field.error("stands beside sigv4", remedy: "A request is signed or has a key: keep one.")
                }
            }
            guard api == .bedrock else {
                throw signature.error("is for bedrock alone", remedy: "Name a credential instead.")
            }
            authorization = .signature(try signature.signature())
        } else {
            authorization = .field(
                try fields["send"]?.choice(ModelService.Scheme.self) ?? api.scheme,
                credential: try need("credential", in: fields, Self.nameAPlace))
        }
        return ModelService.Upstream(
            api: api, origin: origin, authorization: authorization,
            addresses: try fields["addresses"]?.addressBlocks(), authorities: try fields["ca_file"]?.absolutePath())
    }

    private static let nameAPlace = "Write file:/path, env:NAME or credential:NAME, never the secret itself."

    private func need(
        _ key: String, in fields: [String: ProfileField], _ remedy: String
    ) throws(PolicyError) -> String {
        guard let field = fields[key] else { throw lacks(key, remedy) }
        return try field.string()
    }

    private func signature() throws(PolicyError) -> ModelService.Signature {
        let fields = try fields(known: ["region", "access_key_id", "secret_access_key", "session_token"])
        let region = try need("region", in: fields, "Write the region of the upstream, such as eu-central-1.")
        guard (1...32).contains(region.utf8.count),
            region.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D })
        else {
            throw error("has the region \"\(region)\", which is none", remedy: "Write it as AWS does: eu-central-1.")
        }
        return ModelService.Signature(
            region: region, accessKey: try need("access_key_id", in: fields, Self.nameAPlace),
            secretKey: try need("secret_access_key", in: fields, Self.nameAPlace),
            sessionToken: try fields["session_token"]?.string())
    }

    fileprivate func absolutePath() throws(PolicyError) -> String {
        let path = try string()
        guard path.hasPrefix("/") else { throw error("is no absolute path", remedy: "Begin it with \"/\".") }
        return path
    }

    fileprivate func money(_ range: ClosedRange<UInt64>) throws(PolicyError) -> UInt64 {
        guard let amount = Money.microDollars(try word("an amount in dollars")), range.contains(amount) else {
            throw error(
                "is no amount from \(Money.text(range.lowerBound)) to \(Money.text(range.upperBound)) dollars",
                remedy: "Write it like 5, 0.25 or 12.50.")
        }
        return amount
    }

    fileprivate func number(_ range: ClosedRange<UInt64>) throws(PolicyError) -> UInt64 {
        guard let number = Units.count(try word("a whole number")), range.contains(number) else {
            throw error(
                "is no whole number from \(range.lowerBound) to \(range.upperBound)",
                remedy: "Write one, or remove the key.")
        }
        return number
    }

    fileprivate func names() throws(PolicyError) -> [String] {
        var names: [String] = []
        for element in try elements() {
            let name = try element.string()
            guard Self.isName(name) else {
                throw element.error("is \"\(name)\", which is no name", remedy: "Write it as the vendor does.")
            }
            guard !names.contains(name) else {
                throw element.error("is \"\(name)\" a second time", remedy: "Keep one of the two.")
            }
            guard names.count < ModelService.mostNames else {
                throw element.error("is one too many", remedy: "At most \(ModelService.mostNames) are taken.")
            }
            names.append(name)
        }
        return names
    }

    /// Letters, digits and the marks of vendors' names, with one star at the end at most.
    private static func isName(_ text: String) -> Bool {
        let stem = text.hasSuffix("*") ? text.dropLast() : text[...]
        return !stem.isEmpty && stem.utf8.count <= ModelService.longestName
            && stem.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                    UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "@"):
                    true
                default: false
                }
            }
    }
}
