// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Glibc
package import Isolation
package import LinuxSystem

/// What the operator says of this host, `/etc/sallyport/host.yaml`; a host without the file has the defaults.
///
/// One key so far: `id_range: {first: N, blocks: N}`, the host ids from which sessions get 65,536 each.
package enum HostFile {
    package static let path = "/etc/sallyport/host.yaml"

    /// The configured id range, or the standard one.
    package static func idRange() throws(SystemError) -> IdRange {
        guard access(path, F_OK) == 0 else { return .standard }
        let bytes = try TrustedFile.open(path, owner: .root).readAll(limit: 65536, subject: "\"\(path)\"")
        let json: JSON
        do throws(DocumentError) { json = try JSON.read(bytes, file: path) } catch {
            throw SystemError("read", "\"\(path)\"", .invalid, remedy: error.description)
        }
        guard case .object(let members) = json else { throw refused("it is not a mapping") }
        for member in members where !["version", "id_range"].contains(member.name) {
            throw refused("unknown key \"\(member.name.displayed)\"; known: version, id_range")
        }
        guard json["version"]?.intValue == 1 else { throw refused("version must be 1") }
        guard let range = json["id_range"] else { return .standard }
        guard case .object(let keys) = range, Set(keys.map { $0.name }) == ["first", "blocks"],
            let first = range["first"]?.intValue, let blocks = range["blocks"]?.intValue
        else { throw refused("id_range takes exactly first and blocks, both whole numbers") }
        // Above every id that a system hands out by itself, and within 32 bits with the last two left alone.
        guard first >= 65536, (1...65000).contains(blocks), first + blocks * 65536 <= 0xffff_fffe else {
            throw refused("id_range must begin at 65536 or above and end below 4294967294, with 1 to 65000 blocks")
        }
        return IdRange(first: UInt32(first), blocks: blocks)
    }

    private static func refused(_ why: String) -> SystemError {
        SystemError("use", "\"\(path)\"", .invalid, remedy: why + ".")
    }
}
