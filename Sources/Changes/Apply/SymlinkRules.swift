// SPDX-License-Identifier: Apache-2.0

/// Whether a symlink stays within the tree, wherever the tree lies and whatever other links stand in its way.
enum SymlinkRules {
    static func judge(path: [UInt8], target: [UInt8]) -> Sensitivity {
        if target.first == PathRules.slash { return .executesOnOpen("symlink-outside: its target is absolute") }
        if target.contains(0) { return .refused("its target holds a NUL") }
        var room = PathRules.components(path).count - 1
        var named = false
        for part in PathRules.components(target) {
            if part == [PathRules.dot] { continue }
            if part == [PathRules.dot, PathRules.dot] {
                // After a name, `..` leaves wherever that name leads, which another symlink decides.
                if named { return .executesOnOpen("symlink-outside: its target has \"..\" after a name") }
                room -= 1
                if room < 0 { return .executesOnOpen("symlink-outside: its target leaves the workspace") }
            } else {
                named = true
                if part == SensitivePaths.git || GitSpelling.couldMeanGit(part) {
                    return .executesOnOpen("its target lies in a repository's own data")
                }
            }
        }
        return .plain
    }
}
