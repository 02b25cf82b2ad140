// SPDX-License-Identifier: Apache-2.0
package import Documents

/// The prices of models, as `profiles/models.yaml` or a policy of the operator's lists them.
package struct PriceTable: Sendable, Equatable {
    /// When the prices were looked up, and where, in words.
    package let date: String
    package let source: String

    /// Reads a table; everything in it is known, or it is refused.
    package init(_ node: Node) throws(DocumentError) {
        throw DocumentError(.unsupported, at: node.place, "not yet", remedy: "")
    }

    /// The prices of the entry that names the model most closely.
    package func prices(of model: String) -> ModelPrices? { nil }
}
