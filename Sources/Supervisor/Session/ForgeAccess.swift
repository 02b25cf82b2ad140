// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import LinuxSystem
internal import Wire

/// What a session finds at forge.internal: a file that `sallyport task run` writes, and that is handed over unread, since what
/// it tells of issues and pull requests is anybody's text.
package struct ForgeAccess: Sendable, Equatable {
    package let view: [UInt8]

    /// The same of what a client handed over, as unread.
    init(view: [UInt8]) { self.view = view }

    package init(file: String) throws(SystemError) {
        view = try Descriptor.open(file, O_RDONLY | O_NONBLOCK).readAll(
            limit: ForgeStart.longestView, subject: "\"\(file)\"")
    }
}
