// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// The objects that an agent left, loose and packed, taken apart by ourselves: a reader in C that trusts an index, or the size
/// that an object claims, would be a way into the process that reads.
final class LeftStore {
    private let objects: LeftDirectory
    private let packs: [LeftPack]
    private var work: LeftWorkload

    private static let mostPacks = 200
    private static let longestIndex = 256 << 20
    private static let longestHeader = 32

    /// - Parameter objects: The directory `objects` of a repository.
    init(_ objects: consuming LeftDirectory, budget: Budget) throws(GitError) {
        packs = try Self.packs(in: objects)
        work = LeftWorkload(budget)
        self.objects = objects
    }

    /// - Returns: Nil when there is none of this name.
    func header(of name: [UInt8]) throws(LeftFlaw) -> (kind: ObjectKind, size: Int)? {
        if let (pack, offset) = packed(name) { return try pack.header(at: offset) }
        guard let file = try loose(name) else { return nil }
        var reader = try file.reader(at: 0)
        return try Self.header(&reader).header
    }

    /// - Returns: Nil when there is none of this name. That the bytes have this name is for the caller to see.
    func object(_ name: [UInt8]) throws(LeftFlaw) -> LeftObject? {
        if let (pack, offset) = packed(name) { return try pack.object(at: offset, &work) }
        guard let file = try loose(name) else { return nil }
        var reader = try file.reader(at: 0)
        let (header, start) = try Self.header(&reader)
        try work.take(header.size)
        guard start.count <= header.size else { throw LeftFlaw(reason: "it unpacks to more than it says") }
        let bytes = start + (try reader.take(header.size - start.count))
        guard bytes.count == header.size else { throw LeftFlaw(reason: "it unpacks to less than it says") }
        try reader.finish()
        return LeftObject(kind: header.kind, bytes: bytes)
    }

    func contains(_ name: [UInt8]) -> Bool {
        if packed(name) != nil { return true }
        do throws(LeftFlaw) { return try loose(name) != nil } catch { return false }
    }

    private func packed(_ name: [UInt8]) -> (LeftPack, Int)? {
        for pack in packs { if let offset = pack.offset(of: name) { return (pack, offset) } }
        return nil
    }

    private func loose(_ name: [UInt8]) throws(LeftFlaw) -> LeftFile? {
        let digits = Array(PrintableText.hexadecimal(name).utf8)
        do throws(SystemError) {
            return LeftFile(try objects.directory(Array(digits.prefix(2))).file(Array(digits.dropFirst(2))))
        } catch {
            if error.errno == .noEntry { return nil }
            throw LeftFlaw(reason: "its file cannot be read (\(error.errno))")
        }
    }

    /// Reads `kind size` and the NUL behind it, and what came along of the object itself.
    private static func header(_ reader: inout ZlibReader) throws(LeftFlaw) -> (
        header: (kind: ObjectKind, size: Int), rest: [UInt8]
    ) {
        let start = try reader.take(longestHeader)
        guard let end = start.firstIndex(of: 0), let space = start[..<end].firstIndex(of: 0x20),
            let kind = ObjectKind(named: start[..<space])
        else { throw LeftFlaw(reason: "it does not begin with a kind and a size") }
        let digits = String(decoding: start[(space + 1)..<end], as: UTF8.self)
        // One spelling: no sign, no zero in front.
        guard let size = Int(digits), size >= 0, "\(size)" == digits else {
            throw LeftFlaw(reason: "it does not begin with a kind and a size")
        }
        return ((kind, size), Array(start[(end + 1)...]))
    }

    private static func packs(in objects: borrowing LeftDirectory) throws(GitError) -> [LeftPack] {
        let place = "objects/pack"
        let isThere = try LeftRepository.reading(place) { () throws(SystemError) in
            try objects.status(Array("pack".utf8)) != nil
        }
        guard isThere else { return [] }
        let directory = try LeftRepository.reading(place) { () throws(SystemError) in
            try objects.directory(Array("pack".utf8))
        }
        let names = try LeftRepository.reading(place) { () throws(SystemError) in try directory.names() }
        let indexes = names.filter { $0.suffix(4).elementsEqual(".idx".utf8) }
        guard indexes.count <= mostPacks else {
            throw LeftRepository.refused(
                place, "there are more than \(mostPacks) packs", "Repack it inside a sandbox: git gc.")
        }
        var packs: [LeftPack] = []
        for name in indexes {
            let shown = "\(place)/\(PrintableText.escaped(name, longest: 300))"
            let pack = Array(name.dropLast(4)) + Array(".pack".utf8)
            guard names.contains(pack) else { continue }
            let bytes = try LeftRepository.reading(shown) { () throws(SystemError) in
                try directory.file(name).readAll(limit: longestIndex, subject: "the index of a pack")
            }
            guard let index = PackIndex(bytes) else {
                throw LeftRepository.refused(shown, "it is no index of version 2, or damaged")
            }
            let file = try LeftRepository.reading(shown) { () throws(SystemError) in try directory.file(pack) }
            packs.append(LeftPack(index, LeftFile(file)))
        }
        return packs
    }
}
