// SPDX-License-Identifier: Apache-2.0
internal import Isolation
internal import LinuxSystem

/// A root file system made by a recipe, kept under the state directory.
///
/// Only its usr and its etc are taken; everything that a mount is placed on comes from our own template, so a link in
/// the image where a directory is expected can lead nothing elsewhere (CVE-2026-41579, CVE-2025-31133).
struct Rootfs {
    let paths: HostPaths

    func trees(_ name: String, _ trees: Trees, _ skeleton: Skeleton) throws(SystemError) -> [SandboxSpec.Tree] {
        guard !name.isEmpty, name.utf8.allSatisfy({ (97...122).contains($0) || (48...57).contains($0) || $0 == 45 })
        else {
            throw SystemError(
                "use", "rootfs \"\(name)\"", .invalid,
                remedy: "A rootfs is `host` or the name of a recipe: letters, digits and -.")
        }
        // Beside the tree, where it was built, lie its archive and the list of what went in.
        let base = paths.state + "/rootfs/" + name + "/root"
        let root: Directory
        do { root = try Directory.open(strict: base) } catch {
            throw SystemError(
                error.operation, error.subject, error.errno, remedy: "Build it with `rootfs/build \(name)`.")
        }
        try refuseForeign(root)
        var result = [try trees.open(base + "/usr", at: "usr")]
        for part in Skeleton.optionalParts { result.append(try skeleton.optional(part, of: base, trees)) }
        return result
    }

    /// The image is data that somebody built; a link where the kernel's own places belong is no accident.
    private func refuseForeign(_ root: borrowing Directory) throws(SystemError) {
        for name in ["usr", "etc", "dev", "proc"] where try root.contains(name) {
            guard try root.status(name).isDirectory else {
                throw SystemError(
                    "trust", "rootfs \"\(root.path)\"", .notDirectory,
                    remedy: "Its /\(name) is not a directory; rebuild it.")
            }
        }
        guard try root.contains("dev/null") else { return }
        let null = try root.status("dev/null")
        guard null.isCharacterDevice, null.deviceNumber == 1 << 32 | 3 else {
            throw SystemError(
                "trust", "rootfs \"\(root.path)\"", .invalid,
                remedy: "Its /dev/null is not the null device; rebuild it.")
        }
    }
}
