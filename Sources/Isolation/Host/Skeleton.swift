// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem
internal import Policy

/// The template root: directories, links and a few generated files, built once per host and cloned by every session.
///
/// It lies in the runtime directory, belongs to the host's root, which no session maps, and is attached read-only: two
/// walls, since a read-only clone alone could be made writable by a session that kept CAP_SYS_ADMIN. What changes from
/// session to session is mounted over it. `dev` is a tree of its own, because only it may hold device nodes.
package struct Skeleton: Sendable {
    package let root: String
    package let dev: String
    /// Files that a session with a resolver has in place of two of the template's own.
    private let resolver: String
    /// Bumped whenever the content below changes; a new one is then built, and sweep takes the old one.
    private static let version = 3
    private static let prefix = "template-"
    /// Its name in the runtime directory.
    package static let name = "\(prefix)\(version)"

    package static let mountPoints = [
        "usr", "proc", "dev", "tmp", "run", "workspace", "etc/alternatives", "etc/ssl/certs",
    ]
    private static let nodes: [(name: String, major: UInt64, minor: UInt64)] = [
        ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
    ]
    private static let devLinks = [
        ("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ]

    /// Returns the template, building it when this host has none of this version yet.
    package static func ensure(_ paths: HostPaths, mode: Mode) throws(SystemError) -> Skeleton {
        let base = paths.runtime + "/" + name
        let skeleton = Skeleton(root: base + "/root", dev: base + "/dev", resolver: base + "/resolver")
        let runtime = try Directory.open(paths.runtime)
        if try runtime.contains(name) { return skeleton }
        let part = ".\(name).\(getpid())"
        try runtime.make(part, mode: 0o755)
        let directory = try runtime.directory(part)
        try buildRoot(directory)
        try buildDev(directory, mode)
        try directory.make("resolver", mode: 0o755)
        for (name, text) in resolverFiles {
            try directory.replace("resolver/" + name, with: Array(text.utf8), mode: 0o644)
        }
        let dir = runtime.fd.number
        // Whoever is first wins; the loser's copy goes away. RENAME_NOREPLACE, renameat2(2)
        let result = sp_renameat2(dir, part, dir, name, 1)
        if result < 0 {
            try runtime.removeTree(Array(part.utf8))
            if result != -Int(EEXIST) { throw SystemError("rename", "\"\(base)\"", Errno(Int32(-result))) }
        }
        return skeleton
    }

    /// Removes the templates of other versions, and says which.
    ///
    /// A session's clone of the tree is a mount of the same directory: what is removed here is gone from the root of
    /// every session that was started from it. So this is only for a caller that keeps new sessions out and knows which
    /// templates the live ones have. Moved away under one name first, so that a removal which is cut short leaves no
    /// part of a template that a program of that version would take for a whole one.
    package static func removeOthers(_ paths: HostPaths, inUse: Set<String>) throws(SystemError) -> [String] {
        let runtime = try Directory.open(paths.runtime)
        var removed: [String] = []
        for bytes in try runtime.names() where bytes.starts(with: prefix.utf8) {
            let old = String(decoding: bytes, as: UTF8.self)
            guard Int(old.dropFirst(prefix.count)) != nil, old != name, !inUse.contains(old) else { continue }
            let part = ".\(old).\(getpid())"
            let dir = runtime.fd.number
            try checked("rename", "\"\(paths.runtime)/\(old)\"") { sp_renameat2(dir, old, dir, part, 1) }
            try runtime.removeTree(Array(part.utf8))
            removed.append(old)
        }
        return removed
    }

    private static func buildRoot(_ parent: borrowing Directory) throws(SystemError) {
        try parent.make("root", mode: 0o755)
        let root = try parent.directory("root")
        for name in [
            "usr", "etc", "etc/ssl", "proc", "dev", "tmp", "run", "var", "workspace", "etc/alternatives",
            "etc/ssl/certs",
        ] {
            try root.make(name, mode: 0o755)
        }
        for name in ["bin", "sbin", "lib", "lib64"] { try link(root, name, to: "usr/" + name) }
        try link(root, "var/tmp", to: "../tmp")
        try link(root, "var/run", to: "../run")
        try link(root, "etc/os-release", to: "../usr/lib/os-release")
        try link(root, "etc/mtab", to: "../proc/self/mounts")
        for (name, text) in etcFiles { try root.replace(name, with: Array(text.utf8), mode: 0o644) }
    }

    private static let etcFiles: [(String, String)] = [
        (
            "etc/passwd",
            "root:x:0:0:root:/tmp/home:/usr/sbin/nologin\nagent:x:1000:1000:agent:/tmp/home:/bin/sh\n"
                + "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        ),
        ("etc/group", "root:x:0:\ntty:x:5:\nagent:x:1000:\nnogroup:x:65534:\n"),
        ("etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost\n"),
        ("etc/hostname", "sandbox\n"),
        // No name server: a look-up fails at once and nothing is asked of the host's resolver. musl asks 127.0.0.1 all
        // the same and hears no refusal on an unconnected socket; without a time limit of zero it waits for 5 s.
        ("etc/nsswitch.conf", nameServices(hosts: "files")),
        ("etc/resolv.conf", "options timeout:0 attempts:1\n"),
        ("etc/ld.so.cache", ""),
        // The workspace shows other ids and inode data than the index of the caller's git has; without this every
        // status reads every file again. git-config(1)
        ("etc/gitconfig", "[core]\n\tcheckStat = minimal\n"),
        ("etc/shells", "/bin/sh\n/bin/bash\n"),
    ]

    /// Without `resolve`, `mymachines` or a cache daemon, all of which are sockets of the host; without a search list,
    /// which would ask for names that nobody wrote. resolv.conf(5), nsswitch.conf(5)
    private static let resolverFiles: [(String, String)] = [
        ("nsswitch.conf", nameServices(hosts: "files dns")),
        ("resolv.conf", "nameserver \(SessionAddresses.resolverV4.bytes.map { String($0) }.joined(separator: "."))\n"),
    ]

    private static func nameServices(hosts: String) -> String {
        "passwd: files\ngroup: files\nhosts: \(hosts)\nprotocols: files\nservices: files\n"
    }

    /// What a session with a resolver mounts over the template's /etc, see ``SandboxSpec/systemTrees``.
    package func resolverTrees(_ trees: Trees) throws(SystemError) -> [SandboxSpec.Tree] {
        var result: [SandboxSpec.Tree] = []
        for (name, _) in Self.resolverFiles { result.append(try trees.open(resolver + "/" + name, at: "etc/" + name)) }
        return result
    }

    /// Parts of a root file system that one may have and another not.
    package static let optionalParts = ["etc/alternatives", "etc/ssl/certs", "etc/ld.so.cache"]

    /// One of them, or the template's own, which is empty: a sandbox has the same plan on every host.
    ///
    /// - Parameter root: Without a slash at its end.
    package func optional(_ part: String, of root: String, _ trees: Trees) throws(SystemError) -> SandboxSpec.Tree {
        do throws(SystemError) { return try trees.open(root + "/" + part, at: part) } catch {
            guard error.errno == .noEntry else { throw error }
            return try trees.open(self.root + "/" + part, at: part)
        }
    }

    private static func buildDev(_ parent: borrowing Directory, _ mode: Mode) throws(SystemError) {
        try parent.make("dev", mode: 0o755)
        let dev = try parent.directory("dev")
        for name in ["pts", "shm", ".empty"] { try dev.make(name, mode: 0o755) }
        for (name, target) in devLinks { try link(dev, name, to: target) }
        for node in nodes {
            let fd = dev.fd.number
            switch mode {
            case .host:
                try checked("create", "device \"\(dev.path)/\(node.name)\"") {
                    sp_mknodat(fd, node.name, 0o020666, node.major << 8 | node.minor)
                }
                try checked("set the mode of", "\"\(dev.path)/\(node.name)\"") { sp_fchmodat(fd, node.name, 0o666) }
            case .rootless: try dev.replace(node.name, with: [], mode: 0o644)  // a mount point for the host's node
            }
        }
    }

    private static func link(_ dir: borrowing Directory, _ name: String, to target: String) throws(SystemError) {
        let fd = dir.fd.number
        try checked("create", "link \"\(dir.path)/\(name)\"") { sp_symlinkat(target, fd, name) }
    }
}
