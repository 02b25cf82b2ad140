// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// Waits until something in a directory changes so that a condition holds. inotify(7)
package func waitForChange(
    in directory: String, longest: Duration = .seconds(60), until holds: () throws -> Bool
) throws {
    let watch = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
    guard watch >= 0 else { throw HarnessError("watch", directory, errno) }
    defer { close(watch) }
    let mask = UInt32(IN_MODIFY) | UInt32(IN_CREATE) | UInt32(IN_MOVED_TO) | UInt32(IN_DELETE) | UInt32(IN_CLOSE_WRITE)
    guard inotify_add_watch(watch, directory, mask) >= 0 else { throw HarnessError("watch", directory, errno) }
    let deadline = ContinuousClock.now + longest
    // Asked after the watch is there: what happens from here on is an event.
    while try !holds() {
        let left = (deadline - ContinuousClock.now).components
        guard left.seconds >= 0, sp_poll_one(watch, Int16(POLLIN), Int32(left.seconds * 1000 + 1000)) > 0 else {
            throw HarnessError("nothing that was waited for happened in \(directory) within \(longest)")
        }
        var events = [UInt8](repeating: 0, count: 65536)
        while read(watch, &events, events.count) > 0 {}
    }
}
