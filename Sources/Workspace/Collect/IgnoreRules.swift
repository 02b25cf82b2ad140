// SPDX-License-Identifier: Apache-2.0

/// What a working tree's own files say is no part of it: `.gitignore` of each directory, and `.git/info/exclude`.
///
/// They come from whoever left the tree. What they hide is not taken, and that is all that they can do.
package struct IgnoreRules: Sendable {
    /// The patterns of one file, and how many segments deep its directory is.
    private struct Level {
        let depth: Int
        let patterns: [IgnorePattern]
    }

    private var levels: [Level] = []

    /// Bytes of one file; a longer one counts as empty.
    package static let longest = 1 << 18
    private static let mostPatterns = 4096

    package init() {}

    /// The rules with those of a deeper directory added; the deeper ones decide first.
    package func adding(_ bytes: [UInt8], depth: Int) -> IgnoreRules {
        let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        let patterns = text.split(separator: 0x0A).prefix(Self.mostPatterns).compactMap { IgnorePattern(line: $0) }
        var result = self
        if !patterns.isEmpty { result.levels.append(Level(depth: depth, patterns: patterns)) }
        return result
    }

    /// Whether a path is left out; its parents are not.
    package func ignore(_ path: [[UInt8]], isDirectory: Bool) -> Bool {
        for level in levels.reversed() {
            let below = path[level.depth...]
            if let last = level.patterns.last(where: { $0.matches(below, isDirectory: isDirectory) }) {
                return !last.isNegative
            }
        }
        return false
    }
}
