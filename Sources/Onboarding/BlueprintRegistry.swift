// SPDX-License-Identifier: Apache-2.0
package import Blueprints
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// The blueprints that the operator of this host applied, as files that only the operator can write.
///
///     DIR/OWNER/NAME/000001.json    each change is a new file, made once and never touched again
///     DIR/OWNER/NAME/000002.json    the one with the highest number counts
///
/// A blueprint decides what a hostile program may do, so it is a host file like a profile, and no row of a store that the
/// unprivileged daemon writes: a daemon that was taken over can read what binds it, and not change it. Of two that apply
/// at once one makes the next number, and the other is told (`EEXIST`); nothing is ever lost.
package struct BlueprintRegistry: ~Copyable, Sendable {
    package let path: String
    private static let longest = 2 << 20
    private static let digits = 6

    /// - Parameter path: Made when something is applied first; where it is missing, no repository is onboarded.
    package init(path: String) { self.path = path }

    /// Beside what else the operator of this installation keeps.
    package static func path(state: String) -> String { state + "/blueprints" }

    // MARK: Reading

    /// The newest change of a repository; nil when there never was one.
    package borrowing func current(_ repository: RepositoryName) throws(RegistryError) -> BlueprintChange? {
        guard let directory = try directory(of: repository, making: false) else { return nil }
        guard let last = try numbers(directory).last else { return nil }
        return try read(last, directory, repository)
    }

    /// What is known of a repository, for the gate.
    package borrowing func onboarding(_ repository: RepositoryName) throws(RegistryError) -> Onboarding {
        guard let change = try current(repository) else { return .unknown }
        guard change.status == .active else { return .removed }
        return .active(try change.blueprint())
    }

    /// Every change of a repository, the oldest first.
    package borrowing func history(_ repository: RepositoryName) throws(RegistryError) -> [BlueprintChange] {
        guard let directory = try directory(of: repository, making: false) else { return [] }
        var changes: [BlueprintChange] = []
        for number in try numbers(directory) {
            let change = try read(number, directory, repository)
            // Each names the one before it, so that one that is gone or was put in between is noticed.
            guard change.previous == changes.last?.digest else {
                throw RegistryError(
                    "read", change.file, "it does not follow the change before it",
                    remedy: "Files were removed or put in between: restore the directory from a backup.")
            }
            changes.append(change)
        }
        return changes
    }

    /// The newest change of every repository, by name.
    package borrowing func list() throws(RegistryError) -> [BlueprintChange] {
        guard let root = try open(making: false) else { return [] }
        var changes: [BlueprintChange] = []
        for owner in try names(root) {
            let below = try registry { () throws(SystemError) in try root.directory(owner) }
            for name in try names(below) {
                guard let repository = RepositoryName("\(owner)/\(name)"), repository.key == repository.description
                else {
                    throw RegistryError(
                        "read", "\(path)/\(owner)/\(name)", "it is the name of no repository",
                        remedy: "Nothing but sallyport writes here: remove it.")
                }
                if let change = try current(repository) { changes.append(change) }
            }
        }
        return changes
    }

    // MARK: Writing

    /// Makes a blueprint the one that counts.
    ///
    /// - Parameters:
    ///   - text: The file as its author wrote it; kept, since a comment may say why.
    ///   - known: The digest of the change that the caller planned against; nil for none.
    /// - Throws: ``RegistryError`` when somebody else applied meanwhile.
    package borrowing func apply(
        _ blueprint: Blueprint, text: String, onto known: String?, by author: Author
    ) throws(RegistryError) -> BlueprintChange {
        let before = try current(blueprint.repo)
        let content = BlueprintChange.Content(
            text: text, canonical: blueprint.canonicalBytes,
            onboardedAt: before?.status == .active ? before?.onboardedAt ?? author.moment : author.moment)
        return try add(blueprint.repo, .active, content, onto: known, before, author)
    }

    /// Takes a repository out: nothing is deleted, and no task for it is taken any more.
    package borrowing func remove(
        _ repository: RepositoryName, onto known: String?, by author: Author
    ) throws(RegistryError) -> BlueprintChange {
        guard let before = try current(repository), before.status == .active else {
            throw RegistryError(
                "remove", "the blueprint of \(repository)", "there is no active one",
                remedy: "See: sallyport blueprint list.", code: .notFound)
        }
        let content = BlueprintChange.Content(
            text: before.text, canonical: before.canonical, onboardedAt: before.onboardedAt)
        return try add(repository, .removed, content, onto: known, before, author)
    }

    private borrowing func add(
        _ repository: RepositoryName, _ status: BlueprintChange.Status, _ content: BlueprintChange.Content,
        onto known: String?, _ before: BlueprintChange?, _ author: Author
    ) throws(RegistryError) -> BlueprintChange {
        guard before?.digest == known else { throw moved(repository) }
        guard let directory = try directory(of: repository, making: true) else { throw moved(repository) }
        let number = (before?.number ?? 0) + 1
        let name = Self.name(number)
        let change = BlueprintChange(
            repository: repository, number: number, status: status, content: content, previous: before?.digest,
            author: author, file: "\(directory.path)/\(name)")
        let bytes = change.bytes
        guard bytes.count <= Self.longest else {
            throw RegistryError("write", change.file, "it is longer than \(Self.longest) bytes", remedy: "Shorten it.")
        }
        do throws(SystemError) {
            // Its own for each writer: what two wrote into one file would be nobody's.
            let temporary = ".\(name).\(hexadecimal(try randomBytes(8))).new"
            let file = try directory.open(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
            let number = file.number
            try file.writeAll(bytes, subject: "\"\(directory.path)/\(temporary)\"")
            try checked("keep", "\"\(directory.path)/\(temporary)\"") { sp_fsync(number) }
            // Fails where the name is there already. renameat2(2), RENAME_NOREPLACE
            let (from, to) = (directory.fd.number, directory.fd.number)
            let named = sp_renameat2(from, temporary, to, name, 1)
            if named < 0 {
                try directory.remove(temporary)
                throw SystemError("name", "\"\(change.file)\"", Errno(Int32(-named)))
            }
            try checked("keep", "\"\(directory.path)\"") { sp_fsync(from) }
        } catch {
            throw error.errno == .exists ? moved(repository) : RegistryError(error)
        }
        return change
    }

    private func moved(_ repository: RepositoryName) -> RegistryError {
        RegistryError(
            "change", "the blueprint of \(repository)", "somebody else changed it meanwhile",
            remedy: "See: sallyport blueprint plan FILE.", code: .moved)
    }

    // MARK: Files

    private borrowing func read(
        _ number: Int, _ directory: borrowing Directory, _ repository: RepositoryName
    ) throws(RegistryError) -> BlueprintChange {
        let name = "\(directory.path)/\(Self.name(number))"
        let bytes = try registry { () throws(SystemError) in
            let file = try TrustedFile.open(name, what: "blueprint ", owner: .rootOrCaller)
            return try file.readAll(limit: Self.longest, subject: "\"\(name)\"")
        }
        let change = try BlueprintChange(bytes, file: name)
        guard change.number == number, change.repository == repository else {
            throw RegistryError(
                "read", name, "it is of another repository or number", remedy: "Restore it from a backup.")
        }
        return change
    }

    private borrowing func open(making: Bool) throws(RegistryError) -> Directory? {
        let path = self.path
        return try registry { () throws(SystemError) in
            if making { try Self.makeAll(path) }
            do throws(SystemError) {
                let directory = try Directory.open(path)
                try Self.trust(directory)
                return directory
            } catch {
                if error.errno == .noEntry { return nil }
                throw error
            }
        }
    }

    private borrowing func directory(of repository: RepositoryName, making: Bool) throws(RegistryError) -> Directory? {
        guard let root = try open(making: making) else { return nil }
        let parts = repository.key.split(separator: "/").map(String.init)
        return try registry { () throws(SystemError) in
            do throws(SystemError) {
                if making { try root.make(parts[0], mode: 0o755, existing: true) }
                let owner = try root.directory(parts[0])
                if making { try owner.make(parts[1], mode: 0o755, existing: true) }
                let directory = try owner.directory(parts[1])
                for level in [owner.fd.number, directory.fd.number] { try Self.trust(level, directory.path) }
                return directory
            } catch {
                if error.errno == .noEntry { return nil }
                throw error
            }
        }
    }

    /// Whoever can write a directory of it could put in a blueprint of their own.
    private static func trust(_ directory: borrowing Directory) throws(SystemError) {
        try trust(directory.fd.number, directory.path)
    }

    private static func trust(_ number: Int32, _ path: String) throws(SystemError) {
        let status = try FileStatus.at(number, [0], flags: UInt32(AT_EMPTY_PATH), subject: "\"\(path)\"")
        guard status.uid == 0 || status.uid == geteuid(), status.permissions & 0o022 == 0 else {
            throw SystemError(
                "trust", "directory \"\(path)\"", .notPermitted,
                remedy: "It must belong to root or to you, and nobody else may write it: run chmod go-w on it.")
        }
    }

    private static func makeAll(_ path: String) throws(SystemError) {
        var partial = ""
        for part in path.split(separator: "/") {
            partial += "/" + part
            let made = sp_mkdirat(AT_FDCWD, partial, 0o755)
            guard made >= 0 || made == -Int(EEXIST) else {
                throw SystemError("create", "directory \"\(partial)\"", Errno(Int32(-made)))
            }
        }
    }

    private borrowing func names(_ directory: borrowing Directory) throws(RegistryError) -> [String] {
        try registry { () throws(SystemError) in try directory.names() }.map { String(decoding: $0, as: UTF8.self) }
            .filter { !$0.hasPrefix(".") }
    }

    /// Of the changes there are, without a gap from one on.
    private borrowing func numbers(_ directory: borrowing Directory) throws(RegistryError) -> [Int] {
        var found: [Int] = []
        for name in try names(directory) {
            guard name.hasSuffix(".json"), let number = Int(name.dropLast(5)), Self.name(number) == name else {
                throw RegistryError(
                    "read", "\(directory.path)/\(name)", "it is no change of a blueprint",
                    remedy: "Nothing but sallyport writes here: remove it.")
            }
            found.append(number)
        }
        found.sort()
        guard found == Array(1..<(found.count + 1)) else {
            throw RegistryError(
                "read", directory.path, "the changes in it are not numbered from 1 on without a gap",
                remedy: "Files were removed: restore the directory from a backup.")
        }
        return found
    }

    private static func name(_ number: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.count)) + text + ".json"
    }
}

/// Runs system calls and gives their error this module's type.
private func registry<Value: ~Copyable>(_ body: () throws(SystemError) -> Value) throws(RegistryError) -> Value {
    do throws(SystemError) { return try body() } catch { throw RegistryError(error) }
}
