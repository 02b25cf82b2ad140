// SPDX-License-Identifier: Apache-2.0

/// Why an object that an agent left cannot be read; in words that quote nothing of it.
struct LeftFlaw: Error, Equatable {
    let reason: String
}
