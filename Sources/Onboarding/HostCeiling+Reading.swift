// SPDX-License-Identifier: Apache-2.0
package import Blueprints
internal import LinuxSystem

extension HostCeiling {
    /// The operator's ceiling for all blueprints of this host; none where there is no file.
    ///
    /// - Throws: For a file that cannot be read, or that somebody but root could have written: that is no "none".
    package static func ofThisHost() throws -> HostCeiling {
        let bytes: [UInt8]
        do throws(SystemError) {
            let file = try TrustedFile.open(path, what: "ceiling ", owner: .root)
            bytes = try file.readAll(limit: 262_144, subject: "\"\(path)\"")
        } catch {
            if error.errno == .noEntry || error.errno == .notDirectory { return .none }
            throw error
        }
        return try read(bytes, file: path)
    }
}
