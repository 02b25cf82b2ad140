// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// Where the parts of a caller's repository lie: a linked worktree and an alternate are elsewhere.
package struct RepositoryLayout: Sendable {
    /// What libgit2 opens.
    package let gitDirectory: String
    /// Every directory that has to be readable, the git directory first.
    package private(set) var readable: [String]

    private static let longestFile = 65536
    private static let mostAlternates = 16

    /// Looks at a working tree, a linked worktree, or a bare repository.
    ///
    /// Only the path itself is looked at, never its parents: a typing error must not pick up a repository above it.
    package init(path: String) throws(GitError) {
        let status = try Self.status(path)
        guard status.isDirectory else { throw Self.noRepository(path, "not a directory (ENOTDIR)") }
        let dotGit = path + "/.git"
        if let entry = try Self.optionalStatus(dotGit) {
            gitDirectory = entry.isDirectory ? dotGit : try Self.linked(dotGit, in: path)
        } else if try Self.optionalStatus(path + "/HEAD") != nil, try Self.optionalStatus(path + "/objects") != nil {
            gitDirectory = path
        } else {
            throw Self.noRepository(path, "no git repository there (ENOENT)")
        }
        readable = [gitDirectory]
        if let common = try Self.line(gitDirectory + "/commondir") {
            readable.append(Self.join(gitDirectory, common))
        }
        try addAlternates()
    }

    private mutating func addAlternates() throws(GitError) {
        var index = 0
        while index < readable.count {
            let objects = readable[index] + (index < 2 ? "/objects" : "")
            index += 1
            guard let text = try Self.text(objects + "/info/alternates") else { continue }
            for line in text.split(separator: "\n") where !line.hasPrefix("#") {
                guard readable.count < Self.mostAlternates else {
                    throw GitError(
                        .unusableSource, "read", "\"\(objects)/info/alternates\"", "more than 16 directories",
                        remedy: "Make a full clone with: git clone --no-local.")
                }
                readable.append(Self.join(objects, String(line)))
            }
        }
    }

    private static func linked(_ file: String, in path: String) throws(GitError) -> String {
        guard let line = try line(file), line.hasPrefix("gitdir: ") else {
            throw noRepository(path, "its .git is neither a directory nor a \"gitdir:\" file")
        }
        return join(path, String(line.dropFirst(8)))
    }

    private static func join(_ base: String, _ path: String) -> String {
        path.hasPrefix("/") ? path : base + "/" + path
    }

    private static func line(_ path: String) throws(GitError) -> String? {
        try text(path).map { String($0.prefix { $0 != "\n" }) }
    }

    private static func text(_ path: String) throws(GitError) -> String? {
        do throws(SystemError) {
            let file = try Descriptor.open(path, O_RDONLY | O_NONBLOCK)
            return String(decoding: try file.readAll(limit: longestFile, subject: "\"\(path)\""), as: UTF8.self)
        } catch {
            if error.errno == .noEntry || error.errno == .notDirectory { return nil }
            throw unreadable(path, error)
        }
    }

    private static func optionalStatus(_ path: String) throws(GitError) -> FileStatus? {
        do throws(SystemError) {
            return try FileStatus.path(path)
        } catch {
            if error.errno == .noEntry { return nil }
            throw unreadable(path, error)
        }
    }

    private static func status(_ path: String) throws(GitError) -> FileStatus {
        do throws(SystemError) {
            return try FileStatus.path(path)
        } catch {
            throw noRepository(path, "\(error.errno.explanation) (\(error.errno))")
        }
    }

    private static func unreadable(_ path: String, _ error: SystemError) -> GitError {
        GitError(
            .unusableSource, "read", "\"\(path)\"", "\(error.errno.explanation) (\(error.errno))",
            remedy: "Make the repository readable to its owner.")
    }

    private static func noRepository(_ path: String, _ reason: String) -> GitError {
        GitError(
            .unusableSource, "open repository", "\"\(path)\"", reason,
            remedy: "Give --repo the top directory of a working tree or a bare repository.")
    }
}
