// SPDX-License-Identifier: Apache-2.0

/// The head of a vendor's answer, as far as it matters here.
package struct ModelAnswerHead: Sendable, Equatable {
    package var status: Int
    package var fields: [ModelField]

    package init(status: Int, fields: [ModelField]) {
        self.status = status
        self.fields = fields
    }
}

/// Reads what an answer used while the answer passes by, in whatever pieces it comes.
package struct UsageMeter: Sendable {
    package init(_ request: AdmittedRequest, _ head: ModelAnswerHead) {}

    /// Takes the next bytes of the body, framing taken off.
    package mutating func feed(_ bytes: Span<UInt8>) {}

    /// - Parameter cut: The connection ended before the body did.
    package mutating func end(cut: Bool) -> MeterReading {
        MeterReading(usage: TokenUsage(), flaws: [.none], answeredModel: nil, isOtherModel: false, isRefusal: false)
    }
}
