// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// The members of one object: all known, none twice.
struct JSONFields {
    let subject: String
    private var members: [String: JSON] = [:]

    init(_ json: JSON, _ subject: String, known: [String]) throws(PolicyError) {
        self.subject = subject
        guard let list = json.objectValue else { throw error("is no object") }
        for member in list {
            guard known.contains(member.name) else { throw error("has the unknown member \"\(member.name)\"") }
            guard members.updateValue(member.value, forKey: member.name) == nil else {
                throw error("has \"\(member.name)\" twice")
            }
        }
    }

    subscript(name: String) -> JSON? { members[name] }

    func text<Value>(_ name: String, _ read: (String) -> Value?) throws(PolicyError) -> Value? {
        guard let member = members[name] else { return nil }
        guard let text = member.stringValue, let value = read(text) else { throw error("has a wrong \"\(name)\"") }
        return value
    }

    func texts<Value>(_ name: String, _ read: (String) -> Value?) throws(PolicyError) -> [Value]? {
        guard let member = members[name] else { return nil }
        guard let list = member.arrayValue else { throw error("has a wrong \"\(name)\"") }
        var values: [Value] = []
        for item in list {
            guard let text = item.stringValue, let value = read(text) else { throw error("has a wrong \"\(name)\"") }
            values.append(value)
        }
        return values
    }

    func count(_ name: String) throws(PolicyError) -> Int? {
        guard let member = members[name] else { return nil }
        guard let number = member.intValue, number > 0 else { throw error("has a wrong \"\(name)\"") }
        return number
    }

    func error(_ message: String) -> PolicyError {
        PolicyError(
            "\(subject) \(message)", file: "egress policy",
            remedy: "It was written by another version of this program, or by something else.", operation: "read")
    }
}
