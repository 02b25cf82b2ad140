// SPDX-License-Identifier: Apache-2.0

/// Names that differ here and are one on a file system that folds case or normal forms.
enum Twins {
    /// String equality is canonical equivalence, so one key stands for NFC and NFD. Unicode Annex 15
    static func key(_ path: [UInt8]) -> String { String(decoding: path, as: UTF8.self).lowercased() }

    /// By index: the other name, among the entries themselves.
    static func among(_ entries: [ChangeEntry]) -> [Int: [UInt8]] {
        var seen: [String: Int] = [:]
        var twins: [Int: [UInt8]] = [:]
        for (i, entry) in entries.enumerated() where entry.kind != .deleted {
            if let other = seen[key(entry.path)] {
                twins[i] = entries[other].path
                twins[other] = entry.path
            } else {
                seen[key(entry.path)] = i
            }
        }
        return twins
    }

    /// The same against the names that the caller's tree holds in the same directories.
    static func against(_ tree: Int32, _ entries: [ChangeEntry]) throws(ChangeError) -> [Int: [UInt8]] {
        var twins: [Int: [UInt8]] = [:]
        var current: (directory: [UInt8], names: [String: [UInt8]])?
        for (i, entry) in entries.enumerated() where entry.kind != .deleted && entry.base.kind == .absent {
            let (directory, name) = PathRules.split(entry.path)
            if current?.directory != directory {
                var names: [String: [UInt8]] = [:]
                // A directory that is not there holds no twin; what else is wrong with it shows when applying.
                if case .success(let held) = Beneath.directory(tree, directory) {
                    for other in try Beneath.names(held, "\"\(escapedPath(directory))\"") { names[key(other)] = other }
                }
                current = (directory, names)
            }
            if let other = current?.names[key(name)], other != name { twins[i] = PathRules.join(directory, other) }
        }
        return twins
    }
}
