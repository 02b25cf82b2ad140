// SPDX-License-Identifier: Apache-2.0
internal import Changes
internal import Glibc
internal import LinuxSystem
internal import Supervisor

/// The collector: this program started again without rights, to read what a task left.
///
/// Descriptors: 3 the upper layer's file system, 4 the caller's tree, 5 the output, 6 where the answer goes. With a last
/// word, 3 is the workspace itself, which started empty, and 4 is nothing.
enum CollectVerb {
    static func run(_ words: [String]) -> Int32 {
        guard words.count == 4 || words.dropFirst(4) == [KeptChanges.startedEmpty], let created = UInt64(words[1]),
            let bytes = UInt64(words[2]), let inodes = Int(words[3])
        else {
            Output.error("\(KeptChanges.collectorVerb) is started by the supervisor only")
            return 125
        }
        do {
            let isEmpty = words.count > 4
            try Confinement.forCollect(readable: isEmpty ? [3] : [3, 4])
            let collected = try Collector.collect(
                upper: 3, layer: isEmpty ? "" : "u", lower: isEmpty ? nil : 4, output: 5, session: words[0],
                created: created,
                budget: ChangeBudget(bytes: bytes, entries: inodes &+ 1_000_000))
            let answer = Descriptor(owning: 6)
            try answer.send(
                KeptChanges.encode(
                    entries: collected.summary.entries, leftOut: collected.leftOut, digest: collected.summary.digest),
                descriptors: [], subject: "the answer")
            return 0
        } catch {
            Output.error("\(error)")
            return 1
        }
    }
}
