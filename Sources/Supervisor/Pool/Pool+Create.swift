// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
package import LinuxSystem

extension Pool {
    /// Makes the pool and mounts it; mounts the one that is there; does nothing when that is mounted.
    ///
    /// Each step is safe to run again after a crash at any moment: what is to be made is written down first, the image
    /// has a passing name until it is whole, and the kernel detaches the device and the mount that nobody holds.
    ///
    /// - Parameters:
    ///   - bytes: Size of the file system; ``standardBytes`` when nil. Taken from the disk as it is written.
    ///   - wanted: Absolute path of the image to make; in the state directory when nil.
    package func create(bytes: UInt64?, image wanted: String?) throws(SystemError) -> PoolReport {
        let state = try locked(LOCK_EX)
        let found = try look(state)
        switch found.state {
        case .mounted, .unmounted:
            try agree(found, bytes, wanted)
            if found.state == .unmounted, let path = found.image { try attach(try PoolImage.at(path), state) }
        case .foreign:
            guard found.quota, bytes == nil, wanted == nil else {
                throw SystemError(
                    "make the pool at", "\"\(paths.pool)\"", .busy,
                    remedy: "Another file system is mounted there"
                        + (found.quota ? ", and serves as the pool as it is" : " and counts no project quota")
                        + ". To have one made, unmount it first.")
            }
        case .missing: throw missing(found)
        case .unfinished, .absent:
            if let path = found.image { try forget(path, state) }
            try make(bytes ?? Self.standardBytes, wanted ?? standardImage, state)
        }
        return try look(state)
    }

    /// Mounts the pool that is there, as after a start of the host.
    package func mount() throws(SystemError) -> PoolReport {
        let state = try locked(LOCK_EX)
        let found = try look(state)
        switch found.state {
        case .mounted, .foreign: return found
        case .unmounted: if let path = found.image { try attach(try PoolImage.at(path), state) }
        case .missing: throw missing(found)
        case .unfinished, .absent:
            throw SystemError("mount", "the pool", .noEntry, remedy: "There is none. Run `sallyport pool create`.")
        }
        return try look(state)
    }

    private func missing(_ found: PoolReport) -> SystemError {
        SystemError(
            "find", "pool image \"\(found.image ?? "")\"", .noEntry,
            remedy: "Mount the disk that it lies on, or run `sallyport pool remove` to forget it.")
    }

    /// A second pool is nobody's wish: what is asked for is the one that is there, or an error.
    private func agree(_ found: PoolReport, _ bytes: UInt64?, _ wanted: String?) throws(SystemError) {
        if let wanted, wanted != found.image {
            throw SystemError(
                "make the pool in", "\"\(wanted)\"", .exists,
                remedy: "It is in \"\(found.image ?? "")\" already; `sallyport pool remove` takes that away.")
        }
        if let bytes, bytes != found.imageBytes {
            throw SystemError(
                "make a pool of", "\(bytes) bytes", .exists,
                remedy: "There is one of \(found.imageBytes ?? 0) bytes; `sallyport pool remove` takes that away.")
        }
    }

    private func make(_ bytes: UInt64, _ path: String, _ state: borrowing Directory) throws(SystemError) {
        let image = try PoolImage.at(path)
        guard try !image.exists() else {
            throw SystemError("make the pool in", "\"\(path)\"", .exists, remedy: "It is a file of somebody else's.")
        }
        try checkRoom(bytes, image)
        try preparePlace(state)
        try write(Record(image: path, isWhole: false), state)
        fault.reach("pool.recorded")
        do throws(SystemError) {
            try image.format(bytes: bytes)
            fault.reach("pool.formatted")
            try image.publish()
            fault.reach("pool.named")
            try attach(image, state)
        } catch {
            try forget(path, state)
            throw error
        }
    }

    /// The image is sparse, but a task that finds no block behind a file system that has one gets an I/O error, and so do
    /// all others.
    private func checkRoom(_ bytes: UInt64, _ image: borrowing PoolImage) throws(SystemError) {
        guard bytes >= Self.leastBytes, bytes <= 1 << 44 else {
            throw SystemError(
                "make a pool of", "\(bytes) bytes", .invalid, remedy: "Give a --size from 256MiB to 16384GiB.")
        }
        var total: UInt64 = 0
        var available: UInt64 = 0
        let fd = image.directory.fd.number
        try checked("inspect", "\"\(image.directory.path)\"") { sp_space(fd, &total, &available) }
        guard bytes <= available else {
            throw SystemError(
                "make a pool of", "\(bytes >> 20) MiB", .noSpace,
                remedy:
                    "\"\(image.directory.path)\" has \(available >> 20) MiB left. Give a smaller --size, or a --path "
                    + "on another disk.")
        }
    }

    /// The directory to mount on: ours, and empty, since a mount would hide what a session has there.
    func preparePlace(_ state: borrowing Directory) throws(SystemError) {
        try state.make("pool", mode: 0o700, existing: true)
        let place = try state.directory("pool")
        let names = try place.names()
        guard names.isEmpty else {
            throw SystemError(
                "mount the pool at", "\"\(paths.pool)\"", .notEmpty,
                remedy:
                    "\(names.count) sessions have changes there. Wait until they have ended, run `sallyport sweep`, "
                    + "and try again.")
        }
    }

    /// Attaches the image to a device and mounts that in the pool's place.
    ///
    /// Until the last step nothing but our descriptors holds device and mount, so a crash leaves neither.
    func attach(_ image: borrowing PoolImage, _ state: borrowing Directory) throws(SystemError) {
        try preparePlace(state)
        try write(Record(image: image.path, isWhole: true), state)
        let place = try state.directory("pool")
        let device = try LoopDevice.attach(try image.open(), name: image.path)
        fault.reach("pool.attached")
        let mount: BlockMount
        do throws(SystemError) {
            // Discard: what a session gives back is given back to the disk below. Inode tables stay holes.
            mount = try BlockMount.make(
                type: "ext4", device: device.path, options: ["prjquota", "discard", "noinit_itable"])
        } catch { throw SystemError(error.operation, error.subject, error.errno, remedy: Self.mountRemedy) }
        let root = try mount.root()
        guard Self.countsProjects(root.fd.number) else {
            throw SystemError("count project quota on", "\"\(image.path)\"", .notSupported, remedy: Self.mountRemedy)
        }
        let fd = root.fd.number
        try checked("close to others", "the pool") { sp_fchmod(fd, 0o700) }
        fault.reach("pool.prepared")
        try mount.attach(on: place)
        fault.reach("pool.mounted")
    }

    private static let mountRemedy =
        "The kernel needs ext4 with project quota (CONFIG_QUOTA and CONFIG_QFMT_V2), and its log says what it misses: run "
        + "dmesg. Without a pool, keep limits.workspace_bytes within memory, or accept limits.workspace: unmetered by name."
}
