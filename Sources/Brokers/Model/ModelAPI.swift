// SPDX-License-Identifier: Apache-2.0

/// The shapes of model API that a session may be served, by the name that a policy calls them.
package enum ModelAPI: String, Sendable, Hashable, CaseIterable {
    case anthropicMessages = "anthropic-messages"
    case openAIChat = "openai-chat"
    case openAIResponses = "openai-responses"
    case bedrock
    case gemini

    /// How errors are written, so that a vendor's own client shows them as such.
    package enum Family: Sendable, Hashable { case anthropic, openAI, bedrock, gemini }

    package var family: Family {
        switch self {
        case .anthropicMessages: .anthropic
        case .openAIChat, .openAIResponses: .openAI
        case .bedrock: .bedrock
        case .gemini: .gemini
        }
    }
}
