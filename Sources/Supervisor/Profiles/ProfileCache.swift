// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Isolation
internal import LinuxSystem
package import Policy

/// Profiles as an earlier start resolved them, kept beside the compiled filters.
///
/// The files that a profile was made of are found, checked for trust and read at every start all the same, and an entry
/// counts only while each of them is byte for byte what it was. What is saved is reading YAML, merging and judging.
package struct ProfileCache: Sendable {
    private let files: ProfileFiles
    private let paths: HostPaths

    package init(_ files: ProfileFiles, _ paths: HostPaths) {
        self.files = files
        self.paths = paths
    }

    private typealias Text = (file: String, bytes: [UInt8])

    /// Loads a profile by name, or by path when `name` holds a slash or ends in .yaml, as ``ProfileFiles/load(_:)`` does.
    ///
    /// One that comes out of the cache has no origins.
    package func load(_ name: String) throws(PolicyError) -> Profile {
        let first = try files.source(name, allowPath: true)
        let opened = Self.opened(paths, name, first.file)
        switch consume opened {
        case .failure(let error): throw Self.refusal(error, first.file)
        case .absent: return try files.load(name)
        case .entry(let entry): return try load(name, first, entry)
        }
    }

    private func load(_ name: String, _ first: Text, _ entry: borrowing ProfileCacheEntry) throws(PolicyError)
        -> Profile
    {
        let kept: [UInt8]?
        do throws(SystemError) { kept = try entry.read() } catch { throw Self.refusal(error, first.file) }
        if let kept, let profile = try profile(kept, name, first) { return profile }
        var sources: [UInt8] = []
        let profile = try Profile.load(name: name) { wanted throws(PolicyError) in
            let text = try wanted == name ? first : files.source(wanted, allowPath: false)
            sources += Self.line(wanted, text)
            return text
        }
        guard let compiled = profile.compiled() else { return profile }
        do throws(SystemError) { try entry.write(sources + [0] + compiled) } catch {
            throw Self.refusal(error, first.file)
        }
        return profile
    }

    private enum Opened: ~Copyable {
        case entry(ProfileCacheEntry)
        case absent
        case failure(SystemError)
    }

    private static func opened(_ paths: HostPaths, _ name: String, _ file: String) -> Opened {
        do throws(SystemError) {
            if let entry = try ProfileCacheEntry.open(paths, profile: name, file: file) { return .entry(entry) }
            return .absent
        } catch { return .failure(error) }
    }

    /// What an entry says of one file: name, path and digest, each ended by NUL.
    private static func line(_ name: String, _ text: Text) -> [UInt8] {
        Array("\(name)\0\(text.file)\0\(Digest.sha256(text.bytes))\0".utf8)
    }

    /// The profile of an entry, or nil when a file is not what it was, or another one now bears the name.
    private func profile(_ kept: [UInt8], _ name: String, _ first: Text) throws(PolicyError) -> Profile? {
        var rest = kept[...]
        while let end = rest.firstIndex(of: 0), end > rest.startIndex {
            let wanted = String(decoding: rest[..<end], as: UTF8.self)
            let expected = Self.line(wanted, try wanted == name ? first : files.source(wanted, allowPath: false))
            guard rest.starts(with: expected) else { return nil }
            rest = rest.dropFirst(expected.count)
        }
        return rest.isEmpty ? nil : Profile(compiled: rest.dropFirst())
    }

    private static func refusal(_ error: SystemError, _ file: String) -> PolicyError {
        PolicyError(error.explanationLine, file: file, remedy: error.remedy ?? "Check the path.")
    }
}

/// One file of the cache. Its name binds this very program and the profile's name, its first bytes bind the rest.
private struct ProfileCacheEntry: ~Copyable {
    private let directory: Directory
    private let name: String

    private init(directory: consuming Directory, name: String) {
        self.directory = directory
        self.name = name
    }

    /// Nil where the runtime directory does not exist yet or is not ours: the start itself refuses such a one.
    static func open(_ paths: HostPaths, profile: String, file: String) throws(SystemError) -> ProfileCacheEntry? {
        let directory: Directory
        do throws(SystemError) { directory = try Directory.open(paths.runtime) } catch {
            if error.errno == .noEntry { return nil }
            throw error
        }
        let status = try FileStatus.of(directory.fd, subject: "\"\(paths.runtime)\"")
        guard status.uid == geteuid(), status.permissions & 0o022 == 0 else { return nil }
        // Another build may read the same text as something else. `/proc/self/exe` leads to the file itself.
        let program = try FileStatus.at(
            AT_FDCWD, Array("/proc/self/exe".utf8CString), flags: 0, subject: "this program")
        let identity = "\(program.device) \(program.inode) \(program.size) \(program.changedNanoseconds)"
        let digest = Digest.sha256(Array("sallyport-profile 1\0\(identity)\0\(profile)\0\(file)".utf8))
        return ProfileCacheEntry(directory: directory, name: "profile-\(digest)")
    }

    /// What ``write(_:)`` kept, or nil; what is not that is an error, not a miss.
    borrowing func read() throws(SystemError) -> [UInt8]? {
        try directory.readCache(name, what: "compiled profile")
    }

    borrowing func write(_ body: [UInt8]) throws(SystemError) { try directory.writeCache(name, body) }
}
