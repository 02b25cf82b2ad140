// SPDX-License-Identifier: Apache-2.0
import Blueprints
import Documents
import Foundation
import Policy

enum BlueprintFixtures {
    /// As little as there can be, and what is laid over it: lines of YAML.
    static func text(_ more: String = "") -> String {
        """
        version: 1
        repo: team/library
        reason: tests
        source: {repository: /srv/git/library.git, \(more.contains("FORGE") ? "" : "base: main")}
        submitters: ["user:alice"]
        runner: {command: exec agent}
        \(more)
        """
    }

    /// With a forge in place of the repository.
    static func online(_ more: String = "") -> String {
        text(more).replacingOccurrences(
            of: "source: {repository: /srv/git/library.git, base: main}", with: "source: {forge: /srv/forge}")
    }

    static func read(_ text: String) throws(BlueprintRefusal) -> Blueprint {
        try Blueprint.read(Array(text.utf8), file: "b.yaml")
    }

    static func blueprint(_ more: String = "") throws(BlueprintRefusal) -> Blueprint { try read(text(more)) }

    /// What is wrong with a text; empty when nothing is.
    static func flaws(_ text: String) -> [BlueprintFlaw] {
        do throws(BlueprintRefusal) {
            _ = try read(text)
            return []
        } catch {
            return error.flaws
        }
    }

    static func compact(_ blueprint: Blueprint) -> String { String(decoding: blueprint.canonicalBytes, as: UTF8.self) }

    static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func profile(_ text: String) throws(PolicyError) -> Profile {
        try Profile.load(name: "p") { name throws(PolicyError) in
            if name == "p" { return ("p.yaml", Array(text.utf8)) }
            let url = repository.appendingPathComponent("profiles/\(name).yaml")
            guard let data = try? Data(contentsOf: url) else {
                throw PolicyError("there is none", file: name, remedy: "Add it.")
            }
            return (url.path, Array(data))
        }
    }
}
