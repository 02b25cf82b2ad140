// SPDX-License-Identifier: Apache-2.0

/// An object of a document from elsewhere, whose members are each taken once; what nobody took is unknown.
///
/// A member that is given twice is one that nobody took.
package struct ClosedObject<Failure: Error> {
    private var members: [JSON.Member]
    private let subject: String
    private let refuse: (String) -> Failure
    private let namesStrays: Bool

    /// - Parameters:
    ///   - subject: What errors call it, such as "the request".
    ///   - namesStrays: Whether errors have the name of an unknown member in them; not where no byte of it may be shown.
    ///   - refuse: Makes the reader's own error of a reason.
    package init(
        _ json: JSON, _ subject: String, namesStrays: Bool = true, refuse: @escaping (String) -> Failure
    ) throws(Failure) {
        guard case .object(let members) = json else { throw refuse("\(subject) is no object") }
        self.members = members
        self.subject = subject
        self.refuse = refuse
        self.namesStrays = namesStrays
    }

    package mutating func take(_ name: String) -> JSON? {
        guard let at = members.firstIndex(where: { $0.name == name }) else { return nil }
        return members.remove(at: at).value
    }

    package mutating func required(_ name: String) throws(Failure) -> JSON {
        guard let value = take(name) else { throw missing(name) }
        return value
    }

    package mutating func optionalText(_ name: String) throws(Failure) -> String? {
        guard let value = take(name) else { return nil }
        guard let text = value.stringValue else { throw refuse("\"\(name)\" is no string") }
        return text
    }

    package mutating func text(_ name: String) throws(Failure) -> String {
        guard let text = try optionalText(name) else { throw missing(name) }
        return text
    }

    package mutating func flag(_ name: String) throws(Failure) -> Bool {
        guard let value = try required(name).boolValue else { throw refuse("\"\(name)\" is neither true nor false") }
        return value
    }

    package mutating func optionalNumber(_ name: String) throws(Failure) -> Int? {
        guard let value = take(name) else { return nil }
        guard let number = value.intValue, number >= 0 else { throw refuse("\"\(name)\" is no number from 0 on") }
        return number
    }

    package mutating func number(_ name: String) throws(Failure) -> Int {
        guard let number = try optionalNumber(name) else { throw missing(name) }
        return number
    }

    /// A list of strings, each read by `read`.
    package mutating func list<Item>(
        _ name: String, _ read: (String) throws(Failure) -> Item
    ) throws(Failure) -> [Item] {
        guard let values = try required(name).arrayValue else { throw refuse("\"\(name)\" is no list") }
        var items: [Item] = []
        for value in values {
            guard let text = value.stringValue else { throw refuse("\"\(name)\" has what is no string") }
            items.append(try read(text))
        }
        return items
    }

    /// To be called when all that is known was taken.
    package func end() throws(Failure) {
        guard let stray = members.first else { return }
        throw refuse("\(subject) has an unknown member" + (namesStrays ? " \"\(stray.name.displayed)\"" : ""))
    }

    private func missing(_ name: String) -> Failure { refuse("\(subject) has no \"\(name)\"") }
}
