// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// One body under judgement: what was found in it, and what is to be written into it.
///
/// Each API's own rules stand in an extension. What they share is here: a key that nobody knows is refused, for it may spend,
/// fetch or keep something.
struct RequestJudge {
    let policy: ModelPolicy
    let route: ModelRoute
    private(set) var edits: [BodyEdit] = []
    var model: String?
    var isStreaming = false
    /// The most tokens that the answer can have.
    var outputBound = 0
    /// Images, which are read as more tokens than they have bytes when they are well compressed.
    var images = 0
    var documents = 0
    /// How often the vendor may read the prompt for one request.
    var passes = 1
    var usesVendorTools = false

    init(policy: ModelPolicy, route: ModelRoute) {
        self.policy = policy
        self.route = route
        model = route.model
    }

    // MARK: Refusals

    func refuse(_ reason: ModelRefusal.Reason, _ detail: String, _ remedy: String) -> ModelRefusal {
        ModelRefusal(reason, detail, remedy: remedy)
    }

    func malformed(_ what: String) -> ModelRefusal {
        refuse(.malformed, "\(what) is not what this API takes", "Correct the request.")
    }

    // MARK: Shared rules

    /// - Parameter names: Apart from the vetted ones of the policy.
    func keys(of object: JSONValue, _ place: String, known names: Set<String>) throws(ModelRefusal) {
        guard object.kind == .object else { throw malformed(place) }
        for (name, _) in object.members { try known(name, names, "\(place).\(name.prefix(64))") }
    }

    func known(_ name: String, _ names: Set<String>, _ what: String) throws(ModelRefusal) {
        guard names.contains(name) || policy.vettedKeys.contains(name) else {
            throw refuse(
                .key, "\"\(what)\" is not known here, so nobody can say what it spends or fetches",
                "Leave it out, or have the operator vet \"\(name.prefix(64))\" in the policy.")
        }
    }

    /// Nothing but null.
    func absent(
        _ value: JSONValue?, _ what: String, _ reason: ModelRefusal.Reason, unless allowed: Bool = false
    ) throws(ModelRefusal) {
        guard let value, !value.isNull, !allowed else { return }
        throw refuse(reason, "\"\(what)\" may not be used in this session", "Leave it out.")
    }

    func flag(_ value: JSONValue?, _ what: String) throws(ModelRefusal) -> Bool {
        guard let value, !value.isNull else { return false }
        guard let flag = value.bool else { throw malformed(what) }
        return flag
    }

    /// One of some words, or nothing.
    func word(
        _ value: JSONValue?, _ what: String, among words: Set<String>, _ reason: ModelRefusal.Reason
    ) throws(ModelRefusal) {
        guard let value, !value.isNull else { return }
        guard let word = value.string else { throw malformed(what) }
        guard words.contains(word) else {
            throw refuse(
                reason, "\"\(what)\" may only be \(words.sorted().joined(separator: " or ")) in this session",
                "Leave it out.")
        }
    }

    mutating func readModel(_ value: JSONValue?) throws(ModelRefusal) {
        guard let name = value?.string, !name.isEmpty, name.utf8.count <= 256,
            name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw malformed("model") }
        try policy.admit(model: name)
        model = name
    }

    /// The bound that a request names, or nil; one over the policy's is refused, never lowered behind the client's back.
    func bound(_ value: JSONValue?, _ what: String) throws(ModelRefusal) -> Int? {
        guard let value, !value.isNull else { return nil }
        guard let number = value.int, number >= 0 else { throw malformed(what) }
        guard number <= policy.maximumOutputTokens else {
            throw refuse(
                .outputBound, "\"\(what)\" is \(number), more than the \(policy.maximumOutputTokens) of this session",
                "Ask for less.")
        }
        return number
    }

    mutating func vendorTool(_ name: String) throws(ModelRefusal) {
        usesVendorTools = true
        guard policy.vendorTools.contains(where: { $0.matches(name) }) else {
            throw refuse(
                .vendorTool, "\"\(name.prefix(64))\" runs at the vendor and reaches what this session may not",
                "Leave it out, or have the operator name it in the policy.")
        }
    }

    /// An address in content: data that it carries is the client's own, any other the vendor would fetch.
    func address(_ text: String, _ what: String) throws(ModelRefusal) {
        if text.utf8.prefix(5).map({ $0 | 0x20 }).elementsEqual("data:".utf8.map { $0 | 0x20 }) { return }
        try address(what)
    }

    func address(_ what: String) throws(ModelRefusal) {
        guard policy.grants.contains(.addresses) else {
            throw refuse(
                .address, "\(what) would be fetched by the vendor, past the rules of this session's network",
                "Send the data itself.")
        }
    }

    func stored(_ what: String) throws(ModelRefusal) {
        guard policy.grants.contains(.storedState) else {
            throw refuse(
                .storedState, "\(what) lies at the vendor, beyond this request", "Send the content itself.")
        }
    }

    // MARK: Edits

    mutating func edit(_ edit: BodyEdit) { edits.append(edit) }
}

/// One change of a body; everything else of it stays as the client wrote it, to the byte.
struct BodyEdit: Equatable {
    let range: Range<Int>
    let text: String
    /// For the ledger.
    let what: String

    /// Puts a member first into an object.
    static func insert(_ name: String, _ value: String, into object: JSONValue) -> BodyEdit {
        let start = object.range.lowerBound + 1
        let comma = object.members.isEmpty ? "" : ","
        return BodyEdit(range: start..<start, text: "\"\(name)\":\(value)\(comma)", what: "\(name)=\(value)")
    }

    static func replace(_ old: JSONValue, _ name: String, _ value: String) -> BodyEdit {
        BodyEdit(range: old.range, text: value, what: "\(name)=\(value)")
    }

    /// Sets a member, whether it is there or not.
    static func set(_ name: String, _ value: String, in object: JSONValue) -> BodyEdit {
        object[name].map { replace($0, name, value) } ?? insert(name, value, into: object)
    }

    /// The body with changes that lie apart.
    static func apply(_ edits: [BodyEdit], to body: [UInt8]) -> [UInt8] {
        var body = body
        for edit in edits.sorted(by: { $0.range.lowerBound > $1.range.lowerBound }) {
            body.replaceSubrange(edit.range, with: edit.text.utf8)
        }
        return body
    }
}
