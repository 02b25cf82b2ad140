// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// Why a request does not go to the vendor.
package struct ModelRefusal: Error, Sendable, Equatable {
    package enum Reason: String, Sendable, CaseIterable {
        /// Not one of the requests that are served.
        case route
        case method
        case api
        case contentType = "content-type"
        case tooLarge = "too-large"
        /// Not the JSON that this API takes.
        case malformed
        /// A key of the body that nobody has vetted.
        case key
        case model
        /// The price table has no such model.
        case price
        case outputBound = "output-bound"
        case vendorTool = "vendor-tool"
        case address
        case storedState = "stored-state"
        /// More than one answer to one request, or one that comes later.
        case variants
        /// What changes the price: a tier, a region, audio, images.
        case tier
        case turns
        case budget
        /// The rest of the budget is held by requests that are under way.
        case budgetHeld = "budget-held"
        /// More calls that cost nothing, or more failed ones, than a session may make.
        case calls
        /// What was spent could not be written down.
        case ledger
    }

    package let reason: Reason
    /// What, on what and why, in a sentence without the value of anything secret.
    package let detail: String
    /// What the reader can do.
    package let remedy: String

    package init(_ reason: Reason, _ detail: String, remedy: String) {
        self.reason = reason
        self.detail = detail.displayed
        self.remedy = remedy.displayed
    }
}
