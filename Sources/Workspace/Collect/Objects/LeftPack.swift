// SPDX-License-Identifier: Apache-2.0

/// A pack that an agent left. Every step is bounded: a chain of differences has an end or is refused. gitformat-pack(5)
final class LeftPack {
    /// What begins at a place of the pack.
    private struct Entry {
        var kind: ObjectKind?
        /// Of what is packed there: the object, or the difference.
        var size: Int
        /// Where the packed bytes begin.
        var data: Int
        /// Where the object begins from which this one differs.
        var base: Int?
    }

    private let index: PackIndex
    private let file: LeftFile
    /// Of objects whose chain was walked, by their place.
    private var kinds: [Int: ObjectKind] = [:]
    /// Objects that were put together, by their place; the oldest goes first.
    private var kept: [Int: LeftObject] = [:]
    private var order: [Int] = []
    private var keptBytes = 0

    /// git itself makes none longer than 4095. git-pack-objects(1), --depth
    private static let longestChain = 4096
    private static let mostKept = 64 << 20
    private static let longestHeader = 64

    init(_ index: PackIndex, _ file: LeftFile) {
        self.index = index
        self.file = file
    }

    func offset(of name: [UInt8]) -> Int? { index.offset(of: name) }

    /// What an object is, and how large.
    func header(at offset: Int) throws(LeftFlaw) -> (kind: ObjectKind, size: Int) {
        let outer = try entry(at: offset)
        let kind = try kind(from: offset)
        guard outer.base != nil else { return (kind, outer.size) }
        var reader = try file.reader(at: outer.data)
        guard let delta = ObjectDelta(try reader.take(min(outer.size, 16))) else {
            throw LeftFlaw(reason: "a difference does not begin with sizes")
        }
        return (kind, delta.resultSize)
    }

    /// Puts an object together.
    func object(at offset: Int, _ work: inout LeftWorkload) throws(LeftFlaw) -> LeftObject {
        var places: [Int] = []
        var entries: [Entry] = []
        var place = offset
        var object: LeftObject?
        while object == nil {
            if let known = kept[place] {
                object = known
                break
            }
            let entry = try entry(at: place)
            guard let base = entry.base else {
                guard let kind = entry.kind else { throw LeftFlaw(reason: "it is of no known kind") }
                object = LeftObject(kind: kind, bytes: try inflate(entry, &work))
                keep(object, at: place)
                break
            }
            places.append(place)
            entries.append(entry)
            guard entries.count <= Self.longestChain else { throw Self.endless }
            place = base
        }
        guard var object else { throw LeftFlaw(reason: "it is of no known kind") }
        for (place, entry) in zip(places, entries).reversed() {
            guard let delta = ObjectDelta(try inflate(entry, &work)) else {
                throw LeftFlaw(reason: "a difference does not begin with sizes")
            }
            try work.take(delta.resultSize)
            guard let bytes = delta.apply(to: object.bytes) else {
                throw LeftFlaw(reason: "a difference does not fit what it differs from")
            }
            object.bytes = bytes
            keep(object, at: place)
        }
        return object
    }

    private func inflate(_ entry: Entry, _ work: inout LeftWorkload) throws(LeftFlaw) -> [UInt8] {
        try work.take(entry.size)
        var reader = try file.reader(at: entry.data)
        let bytes = try reader.take(entry.size)
        guard bytes.count == entry.size else { throw LeftFlaw(reason: "it unpacks to less than it says") }
        try reader.finish()
        return bytes
    }

    /// The kind of the object at the end of a chain.
    private func kind(from offset: Int) throws(LeftFlaw) -> ObjectKind {
        var places = [offset]
        while places.count <= Self.longestChain {
            let place = places[places.count - 1]
            let entry = kinds[place] == nil ? try entry(at: place) : nil
            if let base = entry?.base {
                places.append(base)
                continue
            }
            guard let kind = kinds[place] ?? entry?.kind else { throw LeftFlaw(reason: "it is of no known kind") }
            for place in places { kinds[place] = kind }
            return kind
        }
        throw Self.endless
    }

    private static let endless = LeftFlaw(
        reason: "its chain of differences has no end, or more than \(longestChain) parts")

    private func entry(at place: Int) throws(LeftFlaw) -> Entry {
        let bytes = try file.read(at: place, Self.longestHeader)
        var position = 0
        func next() throws(LeftFlaw) -> UInt8 {
            guard position < bytes.count else { throw LeftFlaw(reason: "its place is not in the pack") }
            defer { position += 1 }
            return bytes[position]
        }
        var byte = try next()
        let type = byte >> 4 & 7
        var size = Int(byte & 15)
        var shift = 4
        while byte & 0x80 != 0 {
            guard shift < 56 else { throw LeftFlaw(reason: "its size is none") }
            byte = try next()
            size |= Int(byte & 0x7F) << shift
            shift += 7
        }
        var entry = Entry(kind: ObjectKind(rawValue: type), size: size, data: 0)
        switch type {
        case 6:
            byte = try next()
            var distance = Int(byte & 0x7F)
            while byte & 0x80 != 0 {
                guard distance < 1 << 48 else { throw LeftFlaw(reason: "its base is not in the pack") }
                byte = try next()
                distance = (distance + 1) << 7 | Int(byte & 0x7F)
            }
            // Only backwards: such a chain ends by itself.
            guard distance > 0, distance < place else { throw LeftFlaw(reason: "its base is not in the pack") }
            entry.base = place - distance
        case 7:
            guard position + 20 <= bytes.count, let base = index.offset(of: Array(bytes[position..<(position + 20)]))
            else { throw LeftFlaw(reason: "its base is not in the pack") }
            position += 20
            entry.base = base
        default:
            guard entry.kind != nil else { throw LeftFlaw(reason: "it is of no known kind") }
        }
        entry.data = place + position
        return entry
    }

    private func keep(_ object: LeftObject?, at place: Int) {
        guard let object, object.bytes.count <= Self.mostKept / 4, kept[place] == nil else { return }
        kept[place] = object
        order.append(place)
        keptBytes += object.bytes.count
        while keptBytes > Self.mostKept, let oldest = order.first {
            order.removeFirst()
            keptBytes -= kept.removeValue(forKey: oldest)?.bytes.count ?? 0
        }
    }
}
