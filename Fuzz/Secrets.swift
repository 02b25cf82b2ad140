// SPDX-License-Identifier: Apache-2.0
internal import Secrets

/// Any file of a branch.
func fuzzSecrets(_ input: [UInt8]) {
    let matches = SecretScanner.scan(input)
    var end = 0
    for match in matches {
        hold(match.range.lowerBound >= end && !match.range.isEmpty, "matches come in order and apart")
        hold(match.range.upperBound <= input.count, "a match lies in the text")
        end = match.range.upperBound
        // A certain one is found wherever it stands, when nothing else stands beside it.
        guard match.confidence == .certain, match.kind != "password in an address" else { continue }
        let alone = SecretScanner.scan(Array(input[match.range]))
        hold(alone.contains { $0.kind == match.kind }, "\(match.kind) is found alone too")
    }
}
