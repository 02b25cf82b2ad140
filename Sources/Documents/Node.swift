// SPDX-License-Identifier: Apache-2.0

/// Where something stands in a document: the file as the caller named it, line and column counted from one.
package struct Place: Sendable, Hashable, CustomStringConvertible {
    package var file: String
    package var line: Int
    package var column: Int

    package init(file: String, line: Int, column: Int = 1) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// `file:line`, the form that editors and terminals turn into a link; the name alone where there is no line.
    package var description: String { line > 0 ? "\(file.displayed):\(line)" : file.displayed }
}

/// One value of a document, with its place.
///
/// Scalars stay text: what a text means is the decision of whoever knows the key. YAML's own guesses (`no` is a
/// boolean, `1_000` a number, `12:30` a count of seconds) are how policy files come to say what nobody wrote.
package struct Node: Sendable, Hashable {
    /// How a scalar was written. Only a plain one can be a number, a boolean or null.
    package enum Style: Sendable, Hashable { case plain, quoted }

    package enum Value: Sendable, Hashable {
        case scalar(String, Style)
        case sequence([Node])
        case mapping([Entry])
    }

    /// A key of a mapping with its own place, and the value under it.
    package struct Entry: Sendable, Hashable {
        package var key: String
        package var keyPlace: Place
        package var value: Node

        package init(key: String, keyPlace: Place, value: Node) {
            self.key = key
            self.keyPlace = keyPlace
            self.value = value
        }
    }

    package var value: Value
    package var place: Place

    package init(_ value: Value, place: Place) {
        self.value = value
        self.place = place
    }

    /// What the node is, in the words of an error message.
    package var kind: String {
        switch value {
        case .scalar("", .plain): "an empty value"
        case .scalar(_, .plain): "a plain value"
        case .scalar(_, .quoted): "a string"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}
