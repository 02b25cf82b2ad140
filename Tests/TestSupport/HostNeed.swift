// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Testing

/// Something of the host that a test cannot do without.
package struct HostNeed: Hashable, Sendable {
    package let name: String
    private let probe: @Sendable () -> Bool

    package init(_ name: String, _ probe: @escaping @Sendable () -> Bool) {
        self.name = name
        self.probe = probe
    }

    package func isPresent() -> Bool { probe() }

    package static func == (a: HostNeed, b: HostNeed) -> Bool { a.name == b.name }
    package func hash(into hasher: inout Hasher) { hasher.combine(name) }

    /// The names in SALLYPORT_TESTS_REQUIRE, by which an absence fails instead of skipping.
    package static let mustBePresent: Set<String> = {
        guard let list = getenv("SALLYPORT_TESTS_REQUIRE") else { return [] }
        return Set(String(cString: list).split(whereSeparator: { $0 == "," || $0 == " " }).map(String.init))
    }()

    /// Root with the right to make namespaces and mounts: host mode.
    package static let root = HostNeed("root") {
        guard geteuid() == 0 else { return false }
        do {
            return try Command(Executables.probe, ["control", "R17a"]).run().code == 0
        } catch {
            return false
        }
    }
    /// User namespaces for ordinary users.
    package static let rootless = HostNeed("rootless") {
        do { return try OrdinaryUser.unprivileged("/usr/bin/unshare", ["--user", "true"]).run().code == 0 } catch {
            return false
        }
    }
    /// The tests run as an ordinary user to whom a cgroup is delegated.
    package static let delegation = HostNeed("delegation") {
        guard geteuid() != 0, let own = OrdinaryUser.ownGroup else { return false }
        return access("/sys/fs/cgroup\(own)", W_OK) == 0
    }
    /// Project quota where tests keep their state directories.
    package static let projectQuota = HostNeed("project-quota") {
        let mounts = (text("/proc/self/mountinfo") ?? "").split(separator: "\n").map { $0.split(separator: " ") }
        let holding = mounts.filter {
            $0.count > 4 && (Scratch.place + "/").hasPrefix($0[4] == "/" ? "/" : $0[4] + "/")
        }
        let nearest = holding.max { $0[4].utf8.count < $1[4].utf8.count }
        return nearest?.last?.split(separator: ",").contains("prjquota") == true
    }
    /// A kernel that mounts ext4 with project quota from a file, found out by mount(8) and not by our own code.
    package static let pool = HostNeed("pool") { mountsProjectQuota }
    private static let mountsProjectQuota: Bool = {
        guard geteuid() == 0 else { return false }
        do {
            let scratch = try Scratch()
            let trial =
                "truncate -s 64M image && mkfs.ext4 -q -F -O quota,project -E quotatype=prjquota image"
                + " && mkdir place && mount -o loop,prjquota image place"
            var command = Command("/usr/bin/unshare", ["--mount", "/bin/sh", "-c", trial])
            command.directory = scratch.path
            return try command.run().code == 0
        } catch { return false }
    }()
    package static let cgroupV1 = HostNeed("cgroup-v1") { access("/sys/fs/cgroup/memory/tasks", F_OK) == 0 }
    package static let cgroupV2 = HostNeed("cgroup-v2") { access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 }
    package static let terminal = HostNeed("terminal") { access("/dev/ptmx", R_OK | W_OK) == 0 }
    package static let git = HostNeed("git") { access("/usr/bin/git", X_OK) == 0 }
    package static let python = HostNeed("python3") { access("/usr/bin/python3", X_OK) == 0 }
    /// The kernel was built with the transparent proxy of nf_tables, as its own configuration says.
    package static let transparentProxy = HostNeed("transparent-proxy") {
        var release = utsname()
        guard uname(&release) == 0 else { return false }
        let version = withUnsafeBytes(of: release.release) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        var configuration = text("/boot/config-\(version)") ?? ""
        do { configuration += try Command("/bin/zcat", ["/proc/config.gz"]).run().text } catch { return false }
        return configuration.split(separator: "\n").contains {
            $0 == "CONFIG_NFT_TPROXY=y" || $0 == "CONFIG_NFT_TPROXY=m"
        }
    }
}

package struct MissingNeed: Error, CustomStringConvertible {
    package let need: String
    package var description: String {
        "this host lacks \"\(need)\", which SALLYPORT_TESTS_REQUIRE lists as present"
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips where the host lacks something, or fails when SALLYPORT_TESTS_REQUIRE promises it.
    package static func requires(_ need: HostNeed) -> Self {
        .enabled("requires \(need.name)") {
            if need.isPresent() { return true }
            if HostNeed.mustBePresent.contains(need.name) { throw MissingNeed(need: need.name) }
            return false
        }
    }
}
