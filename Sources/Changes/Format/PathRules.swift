// SPDX-License-Identifier: Apache-2.0

/// What a path in a change set may be: relative bytes, nothing that a kernel or a person could read as another place.
package enum PathRules {
    /// PATH_MAX without its NUL. limits.h
    package static let maximumPath = 4095
    package static let maximumName = 255
    /// A refused item may lie one name below the longest path that can be applied.
    static let maximumRefusedPath = maximumPath + 1 + maximumName

    static let slash = UInt8(ascii: "/")
    static let dot = UInt8(ascii: ".")

    /// What is wrong with a path, or nil.
    static func flaw(_ path: [UInt8], limit: Int = maximumPath) -> String? {
        if path.isEmpty { return "the path is empty" }
        if path.count > limit { return "the path is longer than \(limit) bytes" }
        if path.contains(0) { return "the path holds a NUL" }
        for name in path.split(separator: slash, omittingEmptySubsequences: false) {
            if name.isEmpty { return "the path has an empty part" }
            if name.elementsEqual([dot]) || name.elementsEqual([dot, dot]) {
                return "the path has a part \".\" or \"..\""
            }
            if name.count > maximumName { return "a part of the path is longer than \(maximumName) bytes" }
        }
        return nil
    }

    /// The order of entries: a directory directly before what lies in it, names by bytes.
    static func precedes(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        let n = min(a.count, b.count)
        for i in 0..<n where a[i] != b[i] {
            // A slash ends a name and so sorts before every byte of a longer one.
            return (a[i] == slash ? 0 : a[i]) < (b[i] == slash ? 0 : b[i])
        }
        return a.count < b.count
    }

    static func isBeneath(_ path: [UInt8], _ directory: [UInt8]) -> Bool {
        path.count > directory.count && path[directory.count] == slash && path.starts(with: directory)
    }

    static func join(_ directory: [UInt8], _ name: [UInt8]) -> [UInt8] {
        directory.isEmpty ? name : directory + [slash] + name
    }

    /// The directory part (empty at the top) and the last name.
    static func split(_ path: [UInt8]) -> (directory: [UInt8], name: [UInt8]) {
        guard let cut = path.lastIndex(of: slash) else { return ([], path) }
        return (Array(path[..<cut]), Array(path[(cut + 1)...]))
    }

    static func components(_ path: [UInt8]) -> [[UInt8]] { path.split(separator: slash).map { Array($0) } }
}
