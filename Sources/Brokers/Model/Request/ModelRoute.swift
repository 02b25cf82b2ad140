// SPDX-License-Identifier: Apache-2.0

/// One of the requests that are served, with the path it has upstream.
package struct ModelRoute: Sendable, Equatable {
    package enum Operation: Sendable, Hashable {
        case messages, chat, responses
        case invoke, invokeStream, converse, converseStream
        case generate, generateStream
        /// Costs nothing, and has a body like the metered one.
        case countTokens
        /// Costs nothing, and has no body.
        case models
    }

    package let api: ModelAPI
    package let operation: Operation
    /// The model, where the path names it.
    package let model: String?
    /// Path and query for the vendor: built here from its parts, never the client's own spelling.
    package let path: String

    package var isMetered: Bool { operation != .countTokens && operation != .models }
    package var method: String { operation == .models ? "GET" : "POST" }
}
