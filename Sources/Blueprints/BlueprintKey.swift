// SPDX-License-Identifier: Apache-2.0

/// One key of the blueprint format: the decoder takes its known names from here, and the key reference and the JSON
/// Schema are written from here, so that the three cannot differ.
package struct BlueprintKey: Sendable {
    /// How a value is spelled.
    package indirect enum Kind: Sendable {
        case version, repository, sentence, line, profile, absolutePath, pattern, credential, stepName, script
        case choice([String])
        case count(ClosedRange<Int>)
        case time(ClosedRange<Int>)
        case dollars(ClosedRange<UInt64>)
        case flag
        case principal
        case list(Kind, most: Int)
        /// Names of the author's choice to any values.
        case configuration
        case section(String)
        /// A part of a profile, spelled as there.
        case profilePart(String)
    }

    /// Empty at the top; `pipeline.custom_steps[]` for the items of a list.
    package let section: String
    package let name: String
    package let kind: Kind
    package let meaning: String
    package let isRequired: Bool

    init(_ section: String, _ name: String, _ kind: Kind, _ meaning: String, required: Bool = false) {
        self.section = section
        self.name = name
        self.kind = kind
        self.meaning = meaning
        isRequired = required
    }

    package var path: String { section.isEmpty ? name : "\(section).\(name)" }

    static func names(in section: String) -> [String] { all.filter { $0.section == section }.map(\.name) }

    static func required(in section: String) -> [String] {
        all.filter { $0.section == section && $0.isRequired }.map(\.name)
    }

    /// Every key, sections after the keys that open them.
    package static let all: [BlueprintKey] =
        top + source + compute + agent + runner + credentials + app + networking + pipeline + customSteps + references
        + approvals + budgets + scope

    static func words<Value: CaseIterable & RawRepresentable>(_: Value.Type) -> Kind where Value.RawValue == String {
        .choice(Value.allCases.map { $0.rawValue })
    }
}
