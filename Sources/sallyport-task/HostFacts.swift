// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Glibc
internal import LinuxSystem

/// The machine that a task ran on, as far as it can make a difference: recorded with the evidence, and compared when the
/// sandbox is rebuilt.
struct HostFacts {
    let kernel: String
    let machine: String
    /// Of all programs of this build.
    static let version = "0.1.0"

    init() throws(TaskFailure) {
        var name = utsname()
        guard uname(&name) == 0 else { throw TaskFailure(message: "cannot read the kernel's name: uname failed.") }
        kernel = Self.text(&name.release)
        machine = Self.text(&name.machine)
    }

    /// - Parameter rootfs: As the profile names it; nil before a sandbox was made of one.
    func json(rootfs: String?, state: String) throws(TaskFailure) -> JSON {
        var members: [JSON.Member] = [
            .init("kernel", .string(kernel)), .init("machine", .string(machine)),
            .init("sallyport", .string(Self.version)), .init("user", geteuid() == 0 ? "root" : "other"),
        ]
        if let rootfs {
            let digest = try Self.digest(rootfs, state)
            members.append(.init("rootfs", ["name": .string(rootfs), "digest": .optional(digest)]))
        }
        return .object(members)
    }

    private static func text<Field>(_ field: inout Field) -> String {
        withUnsafeBytes(of: &field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// What a root file system is known by: a built one by the digest beside it, the host's own by its release and its list
    /// of packages. Nil where there is none of these.
    private static func digest(_ rootfs: String, _ state: String) throws(TaskFailure) -> String? {
        guard rootfs == "host" else {
            return try contents("\(state)/rootfs/\(rootfs)/digest").map { Digest.sha256($0) }
        }
        let parts = [try contents("/usr/lib/os-release"), try contents("/var/lib/dpkg/status")].compactMap { $0 }
        return parts.isEmpty ? nil : Digest.sha256(parts.flatMap { Array(Digest.sha256($0).utf8) })
    }

    private static let largest = 64 << 20

    private static func contents(_ path: String) throws(TaskFailure) -> [UInt8]? {
        do throws(SystemError) {
            return try Descriptor.open(path, O_RDONLY).readAll(limit: largest, subject: "\"\(path)\"")
        } catch {
            if error.errno == .noEntry { return nil }
            throw TaskFailure(error)
        }
    }
}
