// SPDX-License-Identifier: Apache-2.0

/// The four kinds of object, by their numbers in a pack. gitformat-pack(5)
enum ObjectKind: UInt8 {
    case commit = 1
    case tree = 2
    case blob = 3
    case tag = 4

    init?(named name: some Collection<UInt8>) {
        switch String(decoding: name, as: UTF8.self) {
        case "commit": self = .commit
        case "tree": self = .tree
        case "blob": self = .blob
        case "tag": self = .tag
        default: return nil
        }
    }
}

struct LeftObject {
    let kind: ObjectKind
    var bytes: [UInt8]
}

/// How much may still be unpacked: a few bytes of a pack can ask for any amount of work.
struct LeftWorkload {
    private var left: Int
    private let largest: Int

    init(_ budget: Budget) {
        left = budget.unpackedBytes
        largest = budget.objectBytes
    }

    mutating func take(_ bytes: Int) throws(LeftFlaw) {
        guard bytes <= largest else { throw LeftFlaw(reason: "it is larger than \(largest) bytes") }
        left -= bytes
        guard left >= 0 else { throw LeftFlaw(reason: "all objects together unpack to more than may be read") }
    }
}
