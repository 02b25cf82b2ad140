// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
package import LinuxSystem

extension Pool {
    /// Unmounts the pool and removes its image; does nothing when there is none.
    ///
    /// - Throws: EBUSY while a session has a directory in it, or while anything else holds the mount.
    package func remove() throws(SystemError) {
        let state = try locked(LOCK_EX)
        let found = try look(state)
        switch found.state {
        case .absent: break
        case .foreign:
            throw SystemError(
                "remove", "the pool", .busy,
                remedy: "Another file system is mounted at \"\(paths.pool)\", by somebody else; unmount it by hand.")
        case .mounted:
            guard found.sessions.isEmpty else {
                throw SystemError(
                    "remove", "the pool", .busy,
                    remedy:
                        "Sessions use it: \(found.sessions.joined(separator: ", ")). Stop them, run `sallyport sweep`, "
                        + "and try again.")
            }
            try BlockMount.detach(paths.pool)
            fault.reach("pool.unmounted")
        case .unmounted, .unfinished, .missing: break
        }
        if let path = found.image { try forget(path, state) }
        if try state.contains("pool"), try state.directory("pool").names().isEmpty {
            try state.remove("pool", directory: true)
        }
    }

    /// Removes an image that is mounted nowhere, whole or not, and then the record of it.
    func forget(_ path: String, _ state: borrowing Directory) throws(SystemError) {
        do throws(SystemError) {
            let image = try PoolImage.at(path)
            if try image.exists() {
                try LoopDevice.waitForRelease(try image.status(), name: path, deadline: 10_000)
            }
            // From here on it is missed by nobody: cut short now, the next verb starts afresh and sweep forgets it.
            try write(Record(image: path, isWhole: false), state)
            try image.remove()
        } catch {
            // Its directory is gone, and it with that.
            if error.errno != .noEntry { throw error }
        }
        fault.reach("pool.image.removed")
        try state.removeTree(Array(Self.recordName.utf8))
    }

    /// Removes what a killed verb left unfinished, and says what. A pool that is whole stays, mounted or not.
    func sweep() throws(SystemError) -> [String] {
        let state: Directory
        do throws(SystemError) { state = try locked(LOCK_EX | LOCK_NB) } catch {
            // A verb is at work, and nothing of it is left over.
            if error.errno == .again { return [] }
            throw error
        }
        var removed: [String] = []
        for name in try state.names() where name.starts(with: ".\(Self.recordName).".utf8) {
            try state.removeTree(name)
            removed.append(String(decoding: name, as: UTF8.self))
        }
        // One that was whole may lie on a disk that is not mounted now.
        guard let record = try Self.recorded(state), !record.isWhole else { return removed }
        let image = try PoolImage.at(record.image)
        if try image.directory.contains(image.part) {
            try image.directory.removeTree(Array(image.part.utf8))
            removed.append(image.part)
        }
        if try !image.exists() {
            try state.removeTree(Array(Self.recordName.utf8))
            removed.append(Self.recordName)
        }
        return removed
    }
}
