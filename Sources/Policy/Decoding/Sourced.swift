// SPDX-License-Identifier: Apache-2.0
package import Documents

/// A decoded value with the place that says so.
package struct Sourced<Value: Sendable & Hashable>: Sendable, Hashable {
    package var value: Value
    package var place: Place

    package init(_ value: Value, _ place: Place) {
        self.value = value
        self.place = place
    }
}

/// A list that a profile wrote down: its own place, and one for each item.
package struct SourcedList<Value: Sendable & Hashable>: Sendable, Hashable {
    package var items: [Sourced<Value>]
    package var place: Place

    package var values: [Value] { items.map { $0.value } }
}
