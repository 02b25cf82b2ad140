// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What there is of the pool, as `sallyport pool show` tells it.
package struct PoolReport: Sendable {
    package enum State: String, Sendable {
        /// Nothing of it.
        case absent
        /// A verb was cut short before the image was whole; `pool create` starts again, `sweep` takes it away.
        case unfinished
        /// It was whole and is not where it was: the disk that it lies on may not be mounted.
        case missing
        /// Whole, and not in use, as after a start of the host.
        case unmounted
        case mounted
        /// Another file system is mounted in its place, by somebody else's hand.
        case foreign
    }

    package var state: State
    package var mountPoint: String
    package var image: String?
    package var imageBytes: UInt64?
    /// What the image takes of its own file system; the rest of it are holes.
    package var bytesOnDisk: UInt64?
    package var device: String?
    package var totalBytes: UInt64?
    package var availableBytes: UInt64?
    /// Whether limits of a project are counted there.
    package var quota = false
    /// Sessions with a directory in it, live or waiting for sweep.
    package var sessions: [String] = []

    package var json: JSON {
        .object([
            .init("version", 1), .init("state", .string(state.rawValue)), .init("mount", .string(mountPoint)),
            .init("image", .optional(image)), .init("image_bytes", .optional(imageBytes)),
            .init("bytes_on_disk", .optional(bytesOnDisk)), .init("device", .optional(device)),
            .init("total_bytes", .optional(totalBytes)), .init("available_bytes", .optional(availableBytes)),
            .init("quota", .bool(quota)), .init("sessions", .array(sessions.map { .string($0) })),
        ])
    }
}
