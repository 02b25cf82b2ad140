// SPDX-License-Identifier: Apache-2.0
import Foundation
import Policy

/// The profiles as they are shipped, and texts of tests in their place.
enum ProfileFixtures {
    static let shipped = ["strict", "build", "review", "strict-rlimit"]
    /// Those that let something out, with the system calls of strict.
    static let shippedEgress = ["registries", "web"]

    static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func bytes(of name: String) throws(PolicyError) -> [UInt8] {
        let url = repository.appendingPathComponent("profiles/\(name).yaml")
        do {
            return Array(try Data(contentsOf: url))
        } catch {
            throw PolicyError("it is not there", file: name, remedy: "Name a profile that exists.")
        }
    }

    /// A source of the shipped profiles, with `texts` laid over them by name.
    static func source(_ texts: [String: String] = [:]) -> Profile.Source {
        { name throws(PolicyError) in
            if let text = texts[name] { return ("\(name).yaml", Array(text.utf8)) }
            return ("profiles/\(name).yaml", try bytes(of: name))
        }
    }

    static func load(_ text: String) throws(PolicyError) -> Profile {
        try Profile.load(name: "p", source: source(["p": text]))
    }

    static func resolve(_ text: String) throws(PolicyError) -> Profile {
        try Profile.resolve(name: "p", source: source(["p": text]))
    }

    static func strict() throws(PolicyError) -> Profile { try Profile.load(name: "strict", source: source()) }

    /// A profile that extends strict with some lines of its own, which begin at line 4.
    static func overStrict(_ lines: String) -> String { "version: 1\nextends: [strict]\nreason: test\n" + lines + "\n" }
}
