// SPDX-License-Identifier: Apache-2.0
internal import CGit2
internal import LinuxSystem

/// The objects of a pack that is read from its first to its last, for whom there is no place to index it in.
///
/// Each is put together and named after its bytes, as a receiver would; what differs from another stands behind it, which
/// is how ``PackWriter`` writes.
struct PackContents {
    private(set) var names: Set<ObjectID> = []
    /// What the objects name, by what it has to be.
    private(set) var namedCommits: Set<ObjectID> = []
    private(set) var namedOthers: Set<ObjectID> = []

    private static let headerLength = 12
    private static let trailerLength = 20
    private static let piece = 1 << 20

    /// - Parameter start: Where the pack begins; it ends with the file.
    init(_ file: LeftFile, at start: Int, budget: Budget) throws(LeftFlaw) {
        let header = try file.read(at: start, Self.headerLength)
        // Version 2, which is the one that is written. gitformat-pack(5)
        guard header.count == Self.headerLength, header.starts(with: Array("PACK".utf8) + [0, 0, 0, 2]) else {
            throw LeftFlaw(reason: "it does not begin as a pack does")
        }
        let count = header[8...].reduce(0) { $0 << 8 | Int($1) }
        guard count <= budget.objects else { throw LeftFlaw(reason: "it has more than \(budget.objects) objects") }
        let places = Places()
        let pack = LeftPack(file, place: { places.byName[$0] }, isStart: { places.starts.contains($0) })
        var work = LeftWorkload(budget)
        var place = start + Self.headerLength
        for _ in 0..<count {
            let object = try pack.object(at: place, &work)
            let name = try Self.name(of: object)
            guard names.insert(name).inserted else { throw LeftFlaw(reason: "it has an object twice") }
            places.byName[name.bytes] = place
            places.starts.insert(place)
            try note(object)
            place = pack.end
        }
        try Self.checkTrailer(file, from: start, to: place)
    }

    /// Where objects begin that were read.
    private final class Places {
        var byName: [[UInt8]: Int] = [:]
        var starts: Set<Int> = []
    }

    private static func name(of object: LeftObject) throws(LeftFlaw) -> ObjectID {
        var id = git_oid()
        let kind = git_object_t(Int32(object.kind.rawValue))
        guard git_odb_hash(&id, object.bytes, object.bytes.count, kind) == 0 else {
            throw LeftFlaw(reason: "an object has no name")
        }
        return ObjectID(id)
    }

    private mutating func note(_ object: LeftObject) throws(LeftFlaw) {
        switch object.kind {
        case .blob: break
        case .tree:
            guard let entries = TreeContent(object.bytes).entries() else {
                throw LeftFlaw(reason: "it has a malformed tree")
            }
            // A submodule's commit is another repository's.
            for entry in entries where !entry.isSubmodule { namedOthers.insert(entry.id) }
        case .commit:
            guard let links = CommitText.links(object.bytes) else {
                throw LeftFlaw(reason: "it has a malformed commit")
            }
            namedOthers.formUnion(links.prefix(1))
            namedCommits.formUnion(links.dropFirst())
        case .tag: throw LeftFlaw(reason: "it has a tag")
        }
    }

    /// The digest of everything before it, and then nothing.
    private static func checkTrailer(_ file: LeftFile, from start: Int, to end: Int) throws(LeftFlaw) {
        var digest = RunningSHA1()
        var place = start
        while place < end {
            let bytes = try file.read(at: place, min(piece, end - place))
            guard !bytes.isEmpty else { break }
            digest.update(bytes)
            place += bytes.count
        }
        let trailer = try file.read(at: end, trailerLength + 1)
        guard place == end, trailer == digest.finish() else {
            throw LeftFlaw(reason: "it does not end with its digest")
        }
    }
}
