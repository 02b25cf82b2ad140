// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Supervisor

/// What every verb needs to know of where it runs.
struct Context {
    let paths: HostPaths
    let programs: Programs
    let profiles: ProfileFiles
    /// Package clients as this host's files and the caller's environment configure them.
    let registries = RegistryFiles.registries(environment: environmentValue)

    static func make() throws(SystemError) -> Context {
        let programs = try Programs.beside()
        return Context(
            paths: try HostPaths.resolve(mode: .current, environment: environmentValue), programs: programs,
            profiles: ProfileFiles(shipped: try shippedProfiles(programs)))
    }

    private static func shippedProfiles(_ programs: Programs) throws(SystemError) -> String {
        if let directory = ShippedProfiles.directory(beside: programs.directory) { return directory }
        throw SystemError(
            "find", "the shipped profiles", .noEntry,
            remedy: "They belong in ../share/sallyport/profiles beside the program.")
    }
}

/// A variable of the caller's environment.
@Sendable func environmentValue(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

/// The same for what a session is given: bytes, as the caller set them.
let callerEnvironment = CallerEnvironment(
    { name in getenv(name).map { UnsafeBufferPointer(start: $0, count: strlen($0)).map { UInt8(bitPattern: $0) } } },
    reveal: { name in getenv(name).map { Secret(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } },
    remove: { name in sp_forget_variable(name) })

/// What people read: stdout for results, stderr for everything beside them.
enum Output {
    static func out(_ text: String) { write(1, text + "\n") }
    static func outRaw(_ text: String) { write(1, text) }
    static func error(_ text: String) { write(2, "sallyport: " + text + "\n") }
    static func errorRaw(_ text: String) { write(2, text + "\n") }
    static func errorRaw(_ bytes: [UInt8]) { write(2, bytes) }
    static func errorRaw(_ lines: [String]) { for line in lines { errorRaw(line) } }

    private static func write(_ fd: Int32, _ text: String) { write(fd, Array(text.utf8)) }

    private static func write(_ fd: Int32, _ all: [UInt8]) {
        var bytes = all[...]
        while !bytes.isEmpty {
            let wrote = bytes.withUnsafeBytes { Glibc.write(fd, $0.baseAddress, $0.count) }
            // A reader that went away cannot be told anything.
            if wrote <= 0 { return }
            bytes = bytes.dropFirst(wrote)
        }
    }
}
