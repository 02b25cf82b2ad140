// SPDX-License-Identifier: Apache-2.0

extension HostName {
    /// What is wrong with an `xn--` label that a name holds.
    package enum LabelFlaw: Sendable, Hashable {
        /// It decodes to nothing, or to what needs no encoding.
        case notEncoded
        /// Letters of several scripts, or signs that belong to none.
        case mixedScripts
        /// Letters that look like Latin ones and are not.
        case lookalike
    }

    private static let prefix = "xn--"

    /// The name as browsers may show it, where it has `xn--` labels that decode; nil for plain names.
    package var decoded: String? {
        guard text.utf8.starts(with: Self.prefix.utf8) || labels.contains(where: { $0.hasPrefix(Self.prefix) }) else {
            return nil
        }
        return labels.map { Self.decode($0).map { String(String.UnicodeScalarView($0)) } ?? String($0) }
            .joined(separator: ".")
    }

    /// The first label that pretends to be another name, decoded, with what is wrong; nil when there is none.
    ///
    /// A label must be written in one script, or in those that one language mixes (Japanese, Korean, Chinese, each with
    /// Latin), and must not consist of letters that look Latin alone: `xn--80ak6aa92e` reads as a fruit company.
    package var disguisedLabel: (shown: String, flaw: LabelFlaw)? {
        for label in labels where label.hasPrefix(Self.prefix) {
            guard let scalars = Self.decode(label), scalars.contains(where: { !$0.isASCII }) else {
                return (String(label), .notEncoded)
            }
            let shown = String(String.UnicodeScalarView(scalars))
            let scripts = scalars.map { Script.of($0) }
            guard !scripts.contains(nil), Script.areOne(Set(scripts.compactMap { $0 })) else {
                return (shown, .mixedScripts)
            }
            if scalars.allSatisfy({ Script.looksLatin($0) }) { return (shown, .lookalike) }
        }
        return nil
    }

    private static func decode(_ label: Substring) -> [Unicode.Scalar]? {
        label.hasPrefix(prefix) ? Punycode.decode(label.dropFirst(prefix.utf8.count)) : nil
    }
}
