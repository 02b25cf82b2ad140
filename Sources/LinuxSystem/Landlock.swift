// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// Which files a process may reach from now on, whatever its id may. Rulesets only ever add up.
///
/// - SeeAlso: landlock(7), linux/landlock.h
package enum Landlock {
    package static let execute: UInt64 = 1 << 0
    package static let writeFile: UInt64 = 1 << 1
    package static let readFile: UInt64 = 1 << 2
    package static let readDirectory: UInt64 = 1 << 3
    package static let removeDirectory: UInt64 = 1 << 4
    package static let removeFile: UInt64 = 1 << 5
    package static let makeDirectory: UInt64 = 1 << 7
    package static let makeFile: UInt64 = 1 << 8
    /// Nodes of character and block devices.
    package static let makeDevices: UInt64 = 1 << 6 | 1 << 11
    package static let makeSymlink: UInt64 = 1 << 12
    /// ABI 2: moving from one directory to another; without it that is always refused.
    package static let refer: UInt64 = 1 << 13
    /// ABI 3.
    package static let truncate: UInt64 = 1 << 14
    /// ABI 5.
    package static let deviceControl: UInt64 = 1 << 15

    package static let read = readFile | readDirectory
    /// What git's and libgit2's own files take; no links, no devices, no sockets.
    package static let write = writeFile | removeDirectory | removeFile | makeDirectory | makeFile | refer | truncate
    /// All that may be said of a file; the rest are rights of directories.
    package static let ofFiles = execute | writeFile | readFile | truncate | deviceControl

    /// Every right that a kernel of this ABI knows: what is not allowed below is then denied.
    package static func handled(_ abi: Int) -> UInt64 {
        var rights: UInt64 = (1 << 13) - 1
        if abi >= 2 { rights |= refer }
        if abi >= 3 { rights |= truncate }
        if abi >= 5 { rights |= deviceControl }
        return rights
    }

    /// A directory with all beneath it, or one file.
    package struct Place: Sendable {
        package let path: String
        package let rights: UInt64

        package init(_ path: String, _ rights: UInt64) {
            self.path = path
            self.rights = rights
        }
    }

    /// Takes from this thread all files but these, and with ABI 6 the abstract sockets and signals of others.
    ///
    /// Precondition: no_new_privs.
    ///
    /// - Throws: `ENOSYS` or `EOPNOTSUPP` for a kernel without Landlock, before anything was taken.
    package static func restrict(to places: [Place]) throws(SystemError) {
        let abi = sp_landlock_abi()
        guard abi >= 1 else {
            throw SystemError(
                "use", "Landlock", Errno(Int32(abi < 0 ? -abi : Int(ENOSYS))),
                remedy: "Boot a kernel with CONFIG_SECURITY_LANDLOCK and \"landlock\" in lsm=; see sallyport doctor.")
        }
        let handled = handled(abi)
        let ruleset = Descriptor(
            owning: Int32(
                try checked("make", "a Landlock ruleset") { sp_landlock_scoped_ruleset(handled, abi >= 6 ? 1 : 0) }))
        for place in places {
            let file = try Descriptor.open(place.path, O_PATH)
            let isDirectory = try FileStatus.of(file, subject: "\"\(place.path)\"").isDirectory
            // Rights of directories are refused on a file. landlock_add_rule(2)
            let rights = place.rights & handled & (isDirectory ? .max : ofFiles)
            let (rules, number) = (ruleset.number, file.number)
            try checked("allow", "\"\(place.path)\"") { sp_landlock_allow(rules, number, rights) }
        }
        let number = ruleset.number
        try checked("apply", "a Landlock ruleset") { sp_landlock_restrict(number) }
    }
}
