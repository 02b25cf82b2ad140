// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("damaged egress rules")
struct EgressMutationTests {
    @Test(
        "a damaged rule is refused or stays a rule that can be read back, and opens nothing special", arguments: 0..<4)
    func mutations(seed: Int) throws {
        let original = Array(EgressFixtures.text(EgressDecisionTests.rules).utf8)
        let pieces = [
            "*", "**.", ".", "..", "0", "65536", "-", ":", "/0", "/32", "any", "xn--", "deny: ", "host: ", "cidr: ",
            "[", "]",
            "{", "}", ", ", "\"", "\n", "tls: raw", "10.0.0.0/8", "::ffff:", "%1", "\u{430}", "\\0", "com", "GET",
        ]
        // Nothing in the original names these, so that no slip of some letters may open them.
        let special = try [
            "169.254.169.254", "127.0.0.1", "::1", "192.168.1.1", "fd00:ec2::254", "224.0.0.1", "0.0.0.0",
        ]
        .map { try EgressFixtures.address($0) }
        let secret = try EgressFixtures.name("metadata.google.internal")
        var random = SplitMix(state: UInt64(seed) &+ 77)
        var loaded = 0
        var refused = 0
        for _ in 0..<400 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                let at = Int.random(in: 60..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0x20...0x7E, using: &random)
                case 1: bytes.removeSubrange(at..<min(at + Int.random(in: 1...6, using: &random), bytes.count))
                case 2: bytes.insert(contentsOf: pieces[Int.random(in: 0..<pieces.count, using: &random)].utf8, at: at)
                default: bytes.swapAt(at, Int.random(in: 60..<bytes.count, using: &random))
                }
            }
            do throws(PolicyError) {
                let profile = try Profile.load(name: "m") { name throws(PolicyError) in
                    name == "m" ? ("m.yaml", bytes) : ("\(name).yaml", try ProfileFixtures.bytes(of: name))
                }
                loaded += 1
                let policy = profile.egress
                #expect(policy.decide(name: secret, port: 80).allowedRule == nil)
                for address in special {
                    #expect(policy.decide(address: address, port: 443).allowedRule == nil)
                    for rule in policy.rules where rule.addresses == nil {
                        guard case .refused = policy.vet(address, for: rule) else {
                            Issue.record("\(address) for \(rule.text)")
                            continue
                        }
                    }
                }
                do {
                    let text = policy.json.compactText
                    #expect(try EgressPolicy(json: JSON.read(Array(text.utf8), file: "json")) == policy)
                } catch { Issue.record("\(error)") }
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
