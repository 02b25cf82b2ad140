// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// What git and libgit2 leave in a repository when they are killed, and what it keeps others from.
///
/// Each demands that nobody else is at work there.
enum Leftovers {
    /// Removes locks, which would keep everybody else out for ever. No reference's name ends like one.
    /// git-check-ref-format(1)
    static func clearLocks(_ directory: borrowing Directory) throws(SystemError) {
        for name in try directory.names() where name.suffix(5).elementsEqual(".lock".utf8) {
            try directory.removeTree(name)
        }
    }

    /// The same of every reference.
    static func clearReferenceLocks(_ repository: borrowing Directory) throws(SystemError) {
        // A stack instead of a recursion: an upstream chooses how deep its names are.
        var waiting = ["refs"]
        while let place = waiting.popLast() {
            let directory = try repository.directory(place)
            try clearLocks(directory)
            for name in try directory.names() {
                guard let text = String(validating: name, as: UTF8.self), try directory.status(text).isDirectory else {
                    continue
                }
                waiting.append("\(place)/\(text)")
            }
        }
    }

    /// Removes packs whose index never came: nobody finds an object in one, and it takes room.
    static func clearPacks(_ repository: borrowing Directory) throws(SystemError) {
        let packs = try repository.directory("objects/pack")
        let names = Set(try packs.names().map { String(decoding: $0, as: UTF8.self) })
        for name in names where name.hasSuffix(".pack") && !names.contains("\(name.dropLast(4))idx") {
            try packs.remove(name)
        }
    }
}
