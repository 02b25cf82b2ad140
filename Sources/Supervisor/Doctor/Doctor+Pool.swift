// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy

extension Doctor {
    /// Where changes of a workspace go that are too large for memory. Without root there is no such place.
    func disk() -> [HostCheck] { mode == .host ? [loopDevices(), pool()] : [] }

    private func loopDevices() -> HostCheck {
        access("/dev/loop-control", F_OK) == 0
            ? HostCheck(
                "loop-devices", .ok, "/dev/loop-control is there, for a pool of workspaces on disk", isRequired: false)
            : HostCheck(
                "loop-devices", .missing, "no /dev/loop-control: no pool of workspaces on disk can be made",
                remedy: "Run: modprobe loop", isRequired: false)
    }

    /// Whether the profile's changes go to disk on this kernel, and whether limits are counted there.
    private func pool() -> HostCheck {
        do throws(SystemError) {
            let needed =
                try UpperPlace.choose(profile.limits, mode: mode, paths: paths) == .pool
                && profile.filesystem.workspace == .readWrite
            let found = try Pool(paths).show()
            if found.quota, let free = found.availableBytes {
                return HostCheck(
                    "pool", .ok, "\(found.mountPoint) counts project quota and has \(free >> 20) MiB left",
                    isRequired: needed)
            }
            if found.state == .absent && countsQuota(paths.state) {
                return HostCheck(
                    "pool", .ok, "\(paths.state) lies on a file system that counts project quota", isRequired: needed)
            }
            let why =
                needed
                ? "the changes of a workspace cannot be held in memory here"
                : "changes are held in memory, up to limits.memory"
            return HostCheck(
                "pool", .missing, "\(seen(found)); \(why)", remedy: remedy(found, needed), isRequired: needed)
        } catch {
            return HostCheck("pool", .missing, error.explanationLine, remedy: error.remedy, isRequired: false)
        }
    }

    private func countsQuota(_ path: String) -> Bool {
        do {
            let fd = try Descriptor.open(path, O_RDONLY | O_DIRECTORY)
            return Pool.countsProjects(fd.number)
        } catch { return false }
    }

    private func seen(_ found: PoolReport) -> String {
        switch found.state {
        case .absent: "there is no pool on disk"
        case .unfinished: "the pool on disk was never finished"
        case .missing: "the pool's image \(found.image ?? "") is not there"
        case .unmounted: "the pool's image \(found.image ?? "") is not mounted"
        case .mounted, .foreign: "\(found.mountPoint) counts no project quota"
        }
    }

    private func remedy(_ found: PoolReport, _ needed: Bool) -> String {
        let other =
            needed
            ? "\nor use Linux 6.6 or later, whose tmpfs holds changes in memory,\nor write into a profile: limits.workspace: unmetered"
            : ""
        switch found.state {
        case .absent, .unfinished: return "Run: sallyport pool create" + other
        case .unmounted: return "Run: sallyport pool mount" + other
        case .missing: return "Mount the disk that it lies on, then run: sallyport pool mount" + other
        case .mounted, .foreign:
            return "Run: umount \(found.mountPoint)\nand: sallyport pool create" + other
        }
    }
}
