// SPDX-License-Identifier: Apache-2.0
internal import CGit2
internal import LinuxSystem

/// Something of a working tree that is not taken, and why.
package struct LeftOut: Equatable, Sendable {
    /// Printable.
    package let path: String
    package let reason: String
}

/// The tree that a working tree would make as a commit, file by file as the bytes lie there.
///
/// No filter, attribute, index or configuration is asked: what is in a file is what is taken. What a tree cannot hold
/// is left out by name, and if the last commit has something there, that stays.
struct WorkingTree {
    private(set) var leftOut: [LeftOut] = []
    private(set) var leftOutCount = 0
    private(set) var ignored = 0
    private(set) var notes: [String] = []
    private let budget: Budget
    private let keepsMissing: Bool
    private var entriesLeft: Int
    private var bytesLeft: Int
    private var readLeft: Int

    private static let mostListed = 100
    /// Each level holds a descriptor open.
    private static let deepest = 200
    private static let dotGit = Array(".git".utf8)
    private static let ignoreFile = Array(".gitignore".utf8)

    /// - Parameter keepsMissing: A file that is not there counts as unchanged.
    init(budget: Budget, keepsMissing: Bool) {
        self.budget = budget
        self.keepsMissing = keepsMissing
        entriesLeft = budget.treeEntries
        bytesLeft = budget.treeBytes
        readLeft = budget.readBytes
    }

    /// What one directory's walk needs.
    private struct Level {
        var path: [[UInt8]]
        var rules: IgnoreRules
        /// A parent is ignored: only what the last commit has is looked at.
        var isIgnored: Bool
    }

    /// - Parameter head: The tree of the last commit; nil when there is none.
    /// - Returns: The name of the tree, which `objects` then has.
    /// - Throws: ``GitError`` with `.refused` when the tree is larger than the budget.
    mutating func tree(
        of root: borrowing LeftDirectory, over head: ObjectID?, exclusions: [UInt8], in objects: borrowing LeftObjects
    ) throws -> ObjectID {
        let level = Level(path: [], rules: IgnoreRules().adding(exclusions, depth: 0), isIgnored: false)
        let known = if let head { try objects.entries(of: head) } else { [TreeContent.Entry]() }
        let entries = try walk(root, known, level, objects)
        return try objects.write(TreeContent.encoded(entries), GIT_OBJECT_TREE)
    }

    private mutating func walk(
        _ directory: borrowing LeftDirectory, _ known: [TreeContent.Entry], _ outer: Level,
        _ objects: borrowing LeftObjects
    ) throws -> [TreeContent.Entry] {
        let names = try directory.names()
        entriesLeft -= names.count
        guard entriesLeft >= 0 else {
            throw LeftRepository.refused(
                "the working tree", "it has more than \(budget.treeEntries) names",
                "Remove what is no part of the work.")
        }
        var level = outer
        if names.contains(Self.ignoreFile), let text = ignoreText(directory, level.path) {
            level.rules = level.rules.adding(text, depth: level.path.count)
        }
        var before: [[UInt8]: TreeContent.Entry] = [:]
        for entry in known { before[entry.name] = entry }
        var result: [TreeContent.Entry] = []
        for name in names {
            level.path.append(name)
            defer { level.path.removeLast() }
            guard name != Self.dotGit else {
                if level.path.count > 1 { leave(level.path, "it belongs to a repository of its own") }
                continue
            }
            let old = before.removeValue(forKey: name)
            do {
                if let new = try entry(name, old, in: directory, level, objects) { result.append(new) }
            } catch let error as SystemError {
                leave(level.path, "\(error.errno.explanation) (\(error.errno))")
                if let old { result.append(old) }
            }
        }
        // A submodule that is not checked out is no change; a name that no working tree can have is for others to judge.
        result += before.values.filter { keepsMissing || $0.isSubmodule || $0.name == Self.dotGit }
        return result
    }

    /// What the new tree has under a name: nil for nothing.
    private mutating func entry(
        _ name: [UInt8], _ old: TreeContent.Entry?, in directory: borrowing LeftDirectory, _ level: Level,
        _ objects: borrowing LeftObjects
    ) throws -> TreeContent.Entry? {
        // A name that went away meanwhile is not there.
        guard let status = try directory.status(name) else { return keepsMissing ? old : nil }
        let isIgnored = level.isIgnored || level.rules.ignore(level.path, isDirectory: status.isDirectory)
        if isIgnored && old == nil {
            ignored += 1
            return nil
        }
        if let flaw = TreeEntryRule.flaw(name: name, mode: status.isDirectory ? 0o040000 : 0o100644) {
            leave(level.path, "it \(flaw)")
            return old
        }
        switch status.type {
        case 0o040000:
            var below = level
            below.isIgnored = isIgnored
            return try subtree(old, try directory.directory(name), below, objects)
        case 0o100000: return try file(old, status, in: directory, level.path, objects)
        case 0o120000:
            let id = try objects.write(try directory.linkTarget(name), GIT_OBJECT_BLOB)
            return TreeContent.Entry(name: name, mode: 0o120000, id: id)
        default:
            leave(level.path, status.isFifo ? "it is a FIFO" : status.isSocket ? "it is a socket" : "it is a device")
            return old
        }
    }

    private mutating func subtree(
        _ old: TreeContent.Entry?, _ directory: borrowing LeftDirectory, _ level: Level,
        _ objects: borrowing LeftObjects
    ) throws -> TreeContent.Entry? {
        if old?.isSubmodule == true { return old }
        guard level.path.count <= Self.deepest else {
            leave(level.path, "it lies deeper than \(Self.deepest) directories")
            return old
        }
        let known = if let old, old.isTree { try objects.entries(of: old.id) } else { [TreeContent.Entry]() }
        // As git sees it: a repository of its own is no part of this one, unless this one has files there.
        if known.isEmpty, try directory.status(Self.dotGit) != nil {
            leave(level.path, "it is a repository of its own")
            return old
        }
        let entries = try walk(directory, known, level, objects)
        guard let name = level.path.last, !entries.isEmpty else { return nil }
        let id = try objects.write(TreeContent.encoded(entries), GIT_OBJECT_TREE)
        return TreeContent.Entry(name: name, mode: 0o040000, id: id)
    }

    private mutating func file(
        _ old: TreeContent.Entry?, _ status: FileStatus, in directory: borrowing LeftDirectory, _ path: [[UInt8]],
        _ objects: borrowing LeftObjects
    ) throws -> TreeContent.Entry? {
        guard let name = path.last else { return old }
        let mode: UInt32 = status.mode & 0o100 != 0 ? 0o100755 : 0o100644
        // Sparse files claim any size and cost nothing: what cannot be taken is not read at all.
        guard status.size <= UInt64(budget.objectBytes) else {
            leave(path, "it is larger than \(budget.objectBytes) bytes")
            return old
        }
        let isFile = old.map { !$0.isTree && !$0.isSymlink && !$0.isSubmodule } ?? false
        let known = isFile ? try old.map { (old) throws(GitError) in try Known(old.id, in: objects) } : nil
        // What is too large to be taken is read only if it can be what was there: sizes are claimed at no cost.
        guard status.size <= UInt64(budget.fileBytes) || known?.mayBe(status.size) == true else {
            leave(path, "it is larger than \(budget.fileBytes) bytes")
            return old
        }
        readLeft -= Int(status.size)
        guard readLeft >= 0 else {
            throw LeftRepository.refused(
                "the working tree", "its files have more than \(budget.readBytes) bytes",
                "Remove what is no part of the work.")
        }
        let read = try Digest.gitBlob(
            readingFrom: try directory.file(name), size: status.size, subject: "a file of the working tree")
        guard let read else {
            leave(path, "it changes while it is read")
            return old
        }
        if let old, let known {
            if read.blob == old.id.description { return TreeContent.Entry(name: name, mode: mode, id: old.id) }
            if let pointer = known.pointer {
                if pointer.sha256 == read.sha256, pointer.size == status.size { return old }
                note("\(Self.shown(path)): a file of Git LFS, taken as it lies there")
            }
        }
        guard status.size <= UInt64(budget.fileBytes) else {
            leave(path, "it is larger than \(budget.fileBytes) bytes")
            return old
        }
        bytesLeft -= Int(status.size)
        guard bytesLeft >= 0 else {
            throw LeftRepository.refused(
                "the working tree", "its changed files have more than \(budget.treeBytes) bytes",
                "Remove what is no part of the work, or have it ignored.")
        }
        let bytes = try directory.file(name).readAll(limit: budget.fileBytes, subject: "a file of the working tree")
        return TreeContent.Entry(name: name, mode: mode, id: try objects.write(bytes, GIT_OBJECT_BLOB))
    }

    /// What the last commit has under a file's name.
    private struct Known {
        let size: Int
        let pointer: LargeFilePointer?

        init(_ id: ObjectID, in objects: borrowing LeftObjects) throws(GitError) {
            size = try objects.size(of: id)
            pointer = try objects.small(id, limit: LargeFilePointer.longest).flatMap(LargeFilePointer.init)
        }

        func mayBe(_ bytes: UInt64) -> Bool { UInt64(size) == bytes || pointer?.size == bytes }
    }

    private mutating func ignoreText(_ directory: borrowing LeftDirectory, _ path: [[UInt8]]) -> [UInt8]? {
        do throws(SystemError) {
            guard let status = try directory.status(Self.ignoreFile), status.isRegular else { return nil }
            return try directory.file(Self.ignoreFile).readAll(limit: IgnoreRules.longest, subject: "a .gitignore")
        } catch {
            note("\(Self.shown(path + [Self.ignoreFile])): not read, \(error.errno.explanation) (\(error.errno))")
            return nil
        }
    }

    private mutating func leave(_ path: [[UInt8]], _ reason: String) {
        leftOutCount += 1
        if leftOut.count < Self.mostListed { leftOut.append(LeftOut(path: Self.shown(path), reason: reason)) }
    }

    private mutating func note(_ text: String) {
        if notes.count < Self.mostListed { notes.append(text) }
    }

    private static func shown(_ path: [[UInt8]]) -> String {
        PrintableText.escaped(path.joined(separator: [0x2F]), longest: 400)
    }
}
