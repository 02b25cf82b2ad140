// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("damaged profiles")
struct ProfileMutationTests {
    @Test(
        "a damaged profile loads or is refused with its file, and never makes a host path writable",
        arguments: 0..<4)
    func mutations(seed: Int) throws {
        let original = try ProfileFixtures.bytes(of: "strict")
        let pieces = [
            "{", "}", "[", "]", ": ", "- ", "&a ", "*a", "!x ", "<<: ", "\"", "'", "\n", "  ", "no", "\u{1B}", "..",
            "|", ">",
        ]
        let outside = try ["/", "/usr", "/etc/passwd", "/proc/1", "/run/docker.sock", "/home"].map { try RulePath($0) }
        var random = SplitMix(state: UInt64(seed) &+ 5)
        var loaded = 0
        var refused = 0
        for _ in 0..<500 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(at..<min(at + Int.random(in: 1...20, using: &random), bytes.count))
                case 2: bytes.insert(contentsOf: pieces[Int.random(in: 0..<pieces.count, using: &random)].utf8, at: at)
                default: bytes.insert(contentsOf: original.prefix(Int.random(in: 0...200, using: &random)), at: at)
                }
            }
            do throws(PolicyError) {
                let profile = try Profile.load(name: "m") { name throws(PolicyError) in
                    name == "m" ? ("m.yaml", bytes) : (name, try ProfileFixtures.bytes(of: "offline"))
                }
                loaded += 1
                // Whatever was hit, nothing outside the three writable trees can have become writable.
                for path in outside { #expect(profile.filesystem.decide(path).access != .writable) }
            } catch {
                refused += 1
                #expect(error.file == "m.yaml")
                #expect(!error.message.isEmpty && !error.remedy.isEmpty)
            }
        }
        #expect(loaded > 20)
        #expect(refused > 100)
    }
}
