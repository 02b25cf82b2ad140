// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// The accounts of /etc/passwd. The name service could ask a network, or run code of somebody's. passwd(5)
struct Accounts {
    static let file = "/etc/passwd"
    private let lines: [[ArraySlice<UInt8>]]

    init() throws(SystemError) {
        self.init(
            try Descriptor.open(Self.file, O_RDONLY | O_NONBLOCK).readAll(
                limit: 16 << 20, subject: "\"\(Self.file)\""))
    }

    init(_ bytes: [UInt8]) {
        lines = bytes.split(separator: UInt8(ascii: "\n")).map {
            $0.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        }
    }

    func uid(of name: String) -> UInt32? {
        for fields in lines where fields.count > 2 && fields[0].elementsEqual(name.utf8) {
            if let uid = Self.number(fields[2]) { return uid }
        }
        return nil
    }

    /// The home directories of all accounts with this number.
    func homes(of uid: UInt32) -> [[UInt8]] {
        lines.filter { $0.count > 5 && Self.number($0[2]) == uid && !$0[5].isEmpty }.map { Array($0[5]) }
    }

    private static func number(_ field: ArraySlice<UInt8>) -> UInt32? { UInt32(String(decoding: field, as: UTF8.self)) }
}
