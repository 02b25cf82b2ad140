// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// Where everything of one task lands: `result.git`, bundle, patch, logs and evidence, in a directory of the caller.
///
/// What a confined step writes lies in `quarantine` until the end. For a root caller that directory belongs to an id
/// that nothing else uses, and only ``settle()`` makes its content the caller's.
struct DeliveryDirectory: ~Copyable {
    let path: String
    /// The owner of the quarantine; nil when the caller is not root and has one id only.
    let quarantineOwner: Confinement.Identity?
    private let directory: Directory
    /// It was not there before, so it can go again.
    private let isNew: Bool

    var quarantine: String { path + "/quarantine" }
    var repository: String { quarantine + "/" + StepProcess.repositoryName }
    /// The tree that a review looks at.
    var checkout: String { quarantine + "/" + StepProcess.checkoutName }

    /// Makes the directory, which must be new or empty, and its quarantine.
    ///
    /// - Parameter repository: Nil where the caller's is none of this host.
    static func make(_ path: String, notInside repository: String?, option: String = "--deliver")
        throws(TaskFailure) -> DeliveryDirectory
    {
        guard !path.contains(":") else {
            throw TaskFailure(
                "use delivery directory", "\"\(path)\"", "its path has a colon, which a mount cannot name",
                remedy: "Choose another with \(option).")
        }
        let inside = try repository.map { (path) throws(TaskFailure) in try resolved(path) }
        let planned = try resolvedAhead(path)
        if let inside, planned == inside || planned.hasPrefix(inside == "/" ? "/" : inside + "/") {
            throw TaskFailure(
                "use delivery directory", "\"\(path)\"", "it lies inside the repository, which is never changed",
                remedy: "Choose another with \(option).")
        }
        let isNew = access(path, F_OK) != 0
        let absolute = try makeParents(path)
        let opened = try host { () throws(SystemError) in try Directory.open(absolute) }
        guard try host({ () throws(SystemError) in try opened.names() }).isEmpty else {
            throw TaskFailure(
                "use delivery directory", "\"\(path)\"", "it is not empty (ENOTEMPTY)",
                remedy: "Choose a new one with \(option).")
        }
        let made = DeliveryDirectory(
            path: absolute, quarantineOwner: .ofThisProcess,
            directory: opened,
            isNew: isNew)
        try made.makeQuarantine()
        return made
    }

    private init(
        path: String, quarantineOwner: Confinement.Identity?, directory: consuming Directory, isNew: Bool
    ) {
        self.isNew = isNew
        self.path = path
        self.quarantineOwner = quarantineOwner
        self.directory = directory
    }

    private borrowing func makeQuarantine() throws(TaskFailure) {
        let owner = quarantineOwner
        try host { () throws(SystemError) in
            // Others may enter: a sandbox clones from the repository inside, under ids of its own.
            try directory.make("quarantine", mode: 0o755)
            guard let owner else { return }
            let made = try directory.directory("quarantine")
            try checked("give", "\"\(path)/quarantine\" away") {
                sp_fchown(made.fd.number, owner.user, owner.group)
            }
        }
    }

    /// Opens a new file for writing.
    borrowing func create(_ name: String, mode: UInt32 = 0o600) throws(TaskFailure) -> Descriptor {
        try host { () throws(SystemError) in try directory.open(name, O_WRONLY | O_CREAT | O_EXCL, mode: mode) }
    }

    borrowing func open(_ name: String) throws(TaskFailure) -> Descriptor {
        try host { () throws(SystemError) in try directory.open(name, O_RDONLY | O_NONBLOCK) }
    }

    borrowing func contains(_ name: String) throws(TaskFailure) -> Bool {
        try host { () throws(SystemError) in try directory.contains(name) }
    }

    borrowing func size(_ name: String) throws(TaskFailure) -> UInt64 {
        try host { () throws(SystemError) in try directory.status(name) }.size
    }

    borrowing func write(_ name: String, _ bytes: [UInt8], mode: UInt32 = 0o600) throws(TaskFailure) {
        try host { () throws(SystemError) in try directory.replace(name, with: bytes, mode: mode) }
    }

    borrowing func digest(_ name: String) throws(TaskFailure) -> String {
        let file = try open(name)
        return try host { () throws(SystemError) in
            try Digest.sha256(readingFrom: file, subject: "\"\(path)/\(name)\"")
        }
    }

    /// The bytes of a small file of ours.
    borrowing func read(_ name: String) throws(TaskFailure) -> [UInt8] {
        try host { () throws(SystemError) in try directory.read(name, limit: 4 << 20) }
    }

    borrowing func remove(_ name: String) throws(TaskFailure) {
        try host { () throws(SystemError) in try directory.removeTree(Array(name.utf8)) }
    }

    /// Digests of the plain files, by name; directories are left out.
    borrowing func digests() throws(TaskFailure) -> [(name: String, digest: String)] {
        try host { () throws(SystemError) in
            var result: [(name: String, digest: String)] = []
            for bytes in try directory.names() {
                let name = String(decoding: bytes, as: UTF8.self)
                guard try directory.status(name).isRegular else { continue }
                let file = try directory.open(name, O_RDONLY)
                result.append((name, try Digest.sha256(readingFrom: file, subject: "\"\(path)/\(name)\"")))
            }
            return result
        }
    }

    /// The directory itself, for a look at everything in it.
    borrowing func held() throws(TaskFailure) -> Directory {
        try host { () throws(SystemError) in try directory.directory(".") }
    }

    /// Makes what is in the quarantine the caller's: owner and modes set, anything but files and directories
    /// removed, then moved up.
    ///
    /// No step runs any more when this is called, so nothing changes under it.
    borrowing func settle() throws(TaskFailure) {
        try host { () throws(SystemError) in
            let quarantine = try directory.directory("quarantine")
            try Self.adopt(quarantine)
            if try quarantine.contains(StepProcess.repositoryName) {
                try RepositoryShape.settle(try quarantine.directory(StepProcess.repositoryName))
            }
            let from = quarantine.fd.number
            let to = directory.fd.number
            for name in [StepProcess.repositoryName, "result.bundle", "result.patch"]
            where try quarantine.contains(name) {
                try checked("move", "\"\(quarantine.path)/\(name)\"") { sp_renameat2(from, name, to, name, 1) }
            }
            try directory.removeTree(Array("quarantine".utf8))
            // Of what was pushed nothing is handed over but what was taken in.
            if try directory.contains(AgentRepository.directoryName) {
                try directory.removeTree(Array(AgentRepository.directoryName.utf8))
            }
        }
    }

    /// Takes away what the steps made: it is not handed over.
    borrowing func withdraw() throws(TaskFailure) {
        try host { () throws(SystemError) in
            let quarantine = try directory.directory("quarantine")
            for name in try quarantine.names() { try quarantine.removeTree(name) }
        }
    }

    /// Writes files of ours into a new directory.
    ///
    /// - Parameter below: Its path in this one; what is missing on the way is made.
    borrowing func writeAll(_ files: [(name: String, bytes: [UInt8])], below path: String) throws(TaskFailure) {
        try host { () throws(SystemError) in
            var place = try directory.directory(".")
            for part in path.split(separator: "/") {
                try place.make(String(part), mode: 0o755, existing: true)
                place = try place.directory(String(part))
            }
            for file in files { try place.replace(file.name, with: file.bytes, mode: 0o644) }
        }
    }

    /// Takes away the tree that a sandbox looked at.
    borrowing func removeCheckout() throws(TaskFailure) {
        try host { () throws(SystemError) in
            try directory.directory("quarantine").removeTree(Array(StepProcess.checkoutName.utf8))
        }
    }

    /// Takes everything away again: the task never started.
    borrowing func discard() throws(TaskFailure) {
        try host { () throws(SystemError) in
            for name in try directory.names() { try directory.removeTree(name) }
            guard isNew else { return }
            try checked("remove", "\"\(path)\"") { sp_unlinkat(AT_FDCWD, path, AT_REMOVEDIR) }
        }
    }

    private static func adopt(_ directory: borrowing Directory) throws(SystemError) {
        for bytes in try directory.names() {
            guard let name = String(validating: bytes, as: UTF8.self) else {
                // No name of ours.
                try directory.removeTree(bytes)
                continue
            }
            let status = try directory.status(name)
            if status.isDirectory {
                let below = try directory.directory(name)
                try own(below.fd, mode: 0o755, subject: below.path)
                try adopt(below)
            } else if status.isRegular && status.links == 1 {
                let file = try directory.open(name, O_RDONLY | O_NONBLOCK)
                try own(file, mode: 0o644, subject: "\(directory.path)/\(name)")
            } else {
                try directory.removeTree(bytes)
            }
        }
    }

    private static func own(_ fd: borrowing Descriptor, mode: UInt32, subject: String) throws(SystemError) {
        let number = fd.number
        try checked("own", "\"\(subject)\"") { sp_fchown(number, geteuid(), getegid()) }
        try checked("set the mode of", "\"\(subject)\"") { sp_fchmod(number, mode) }
    }

    /// Makes a directory and its missing parents, all 0700, and returns its real path.
    /// Makes a directory and what is missing above it, closed to others; returns its real path.
    static func makeParents(_ path: String) throws(TaskFailure) -> String {
        var built = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            built += "/" + part
            let result = sp_mkdirat(AT_FDCWD, built, 0o700)
            if result < 0 && result != -Int(EEXIST) {
                throw TaskFailure(SystemError("create", "directory \"\(built)\"", Errno(Int32(-result))))
            }
        }
        return try resolved(path)
    }

    /// The real path that a path will have once its missing parts are made.
    private static func resolvedAhead(_ path: String) throws(TaskFailure) -> String {
        var existing = path[...]
        var missing: [Substring] = []
        while !existing.isEmpty, access(String(existing), F_OK) != 0 {
            let slash = existing.lastIndex(of: "/")
            missing.append(slash.map { existing[existing.index(after: $0)...] } ?? existing)
            existing = slash.map { existing[..<$0] } ?? ""
        }
        let start = existing.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : String(existing)
        let parts = try resolved(start).split(separator: "/") + missing.reversed().filter { !$0.isEmpty && $0 != "." }
        guard !missing.contains("..") else {
            throw TaskFailure(
                "use delivery directory", "\"\(path)\"", "\"..\" stands in a part that does not exist (ENOENT)",
                remedy: "Give the plain path.")
        }
        return "/" + parts.joined(separator: "/")
    }

    static func resolved(_ path: String) throws(TaskFailure) -> String {
        guard let real = realpath(path, nil) else {
            throw TaskFailure("find", "\"\(path)\"", "no such file or directory (ENOENT)", remedy: "Check the path.")
        }
        defer { free(real) }
        return String(cString: real)
    }
}
