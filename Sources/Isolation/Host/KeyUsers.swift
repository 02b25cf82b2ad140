// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// Who on this kernel owns keys, by user id: what every root file system on it sees alike.
///
/// A supervisor claims a block by a key that belongs to the block's first id, and each session has a keyring of that id
/// until its last process is gone. Whatever else two installations do not share (their /run, pid namespace, network),
/// this table tells one of the other's blocks. proc_keys(5), /proc/key-users; keyrings(7)
package struct KeyUsers: Sendable {
    private let owners: [(id: UInt32, keys: Int)]

    static func read() throws(SystemError) -> KeyUsers { KeyUsers(try procBytes("/proc/key-users")) }

    /// One line: `uid: usage keys/instantiated quota-keys/most quota-bytes/most`, the first padded with blanks.
    package init(_ table: [UInt8]) {
        owners = table.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let fields = line.split { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            guard fields.count > 2, let id = UInt32(String(decoding: fields[0], as: UTF8.self)),
                let keys = Int(String(decoding: fields[2], as: UTF8.self))
            else { return nil }
            return (id, keys)
        }
    }

    /// Whether anybody but one claim has a key to the ids of a block.
    package func isShared(_ block: IdBlock) -> Bool {
        owners.contains { $0.id >= block.base && $0.id <= block.last && ($0.id != block.base || $0.keys > 1) }
    }

    /// Claims a block for this process, for as long as it lives; false when somebody else has it or claims it now.
    ///
    /// First the claim and then the look: of two who claim at once, one at least sees the other. A kernel without keys
    /// knows nobody else.
    static func claim(_ block: IdBlock) throws(SystemError) -> Bool {
        let key = sp_claim_ids(block.base)
        if key == -Int(ENOSYS) { return true }
        try checked("claim", "ids \(block.base) to \(block.last)") { key }
        guard try read().isShared(block) else { return true }
        try checked("give up the claim of", "ids \(block.base) to \(block.last)") { sp_unclaim(key) }
        return false
    }
}
