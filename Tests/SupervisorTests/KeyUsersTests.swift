// SPDX-License-Identifier: Apache-2.0
import Isolation
import Testing

@Suite("owners of keys")
struct KeyUsersTests {
    private let block = IdBlock(index: 0, base: 1_879_048_192)

    @Test(
        "a block is shared when anybody but its one claim has a key to its ids",
        arguments: [
            ("    0:     9 8/8 3/1000000 40/25000000", false), ("1879048192:     1 1/1 1/200 5/20000", false),
            ("1879048192:     2 2/2 2/200 10/20000", true), ("1879049192:     1 1/1 1/200 5/20000", true),
            ("1879113727:     1 1/1 1/200 5/20000", true), ("1879113728:     2 2/2 2/200 10/20000", false),
            ("1879048191:     2 2/2 2/200 10/20000", false),
        ])
    func shared(_ line: String, _ isShared: Bool) {
        #expect(KeyUsers(Array("    0:     9 8/8 3/1000000 40/25000000\n\(line)\n".utf8)).isShared(block) == isShared)
    }
}
