// SPDX-License-Identifier: Apache-2.0
package import TaskModel

/// What is remembered of repositories, kept over tasks and over onboarding anew.
///
/// For one writer; each call is one transaction. Every implementation passes the same conformance suite.
package protocol RepositoryMemory: AnyObject {
    /// Takes notes that were judged; what is known already is not taken twice, and the oldest episodes make room.
    ///
    /// - Returns: What is new.
    func remember(_ notes: [MemoryNote], repository: String, at milliseconds: Int, name: () -> String)
        throws(StoreError) -> [MemoryItem]
    /// Items that tasks may be told, with how well they fit; rules whether they fit or not.
    ///
    /// - Throws: `.late` when that took longer than `limit`.
    func candidates(_ repository: String, for text: String, at milliseconds: Int, within limit: Duration)
        throws(StoreError) -> [MemoryRecall.Candidate]
    /// Newest first.
    func memory(_ query: MemoryQuery) throws(StoreError) -> [MemoryItem]
    func memoryItem(_ id: String) throws(StoreError) -> MemoryItem?
    /// Decides about an item; false when there is none.
    func setMemory(_ id: String, _ status: MemoryItem.Status, note: String) throws(StoreError) -> Bool
    /// Removes one item, or all of one source in a repository.
    ///
    /// - Returns: How many there were.
    func forget(_ what: MemoryRemoval) throws(StoreError) -> Int
    /// Removes what is past its time.
    func forgetExpired(at milliseconds: Int) throws(StoreError) -> Int
}

/// Which items a list is of.
package struct MemoryQuery: Sendable, Hashable {
    package var repository: String
    package var statuses: Set<MemoryItem.Status> = []
    package var source: String?
    package var limit = 100

    package init(repository: String) { self.repository = repository }
}

package enum MemoryRemoval: Sendable, Hashable {
    case item(String)
    case source(String, repository: String)
}
