// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// Every row of the catalogue, one test at a time: they block on processes, and a test that only waits for its turn
/// must not use up its time limit.
@Suite("threats", .serialized)
enum Threats {}

/// One line of sp-probe: what an attempt came to.
struct Attempt: Sendable {
    let id: String
    /// `refused`, `ESCAPE:...`, `works`, `not-applicable` or `broken`.
    let verdict: String
    /// The errno name, or the word for what was found instead.
    let word: String
    let line: String

    static func read(_ lines: [String]) -> [Attempt] {
        lines.map { line in
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            return Attempt(
                id: fields[0], verdict: fields.count > 1 ? fields[1] : "", word: fields.count > 2 ? fields[2] : "",
                line: line)
        }
    }
}

/// Shows for one row of the catalogue that every attempt works on the host and is refused inside, each exactly so.
///
/// The expectations name every attempt that sp-probe has for the row: one that is added without an expectation fails,
/// and one that disappears fails too. A control that the host's kernel cannot make must say why; inside, the attempt
/// then ends as expected or in the very errno that the host gave. With a `user`, inside is that user's sandbox.
func prove(
    _ row: String, _ expected: [String: String], profile: String = "strict", workspace: String? = nil,
    options: [String] = [], user: OrdinaryUser? = nil, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let control = try Command(Executables.probe, ["control", row]).run()
    let controls = Attempt.read(control.lines)
    #expect(Set(controls.map(\.id)) == Set(expected.keys), "attempts of \(row)", sourceLocation: sourceLocation)
    var withoutFeature: [String: String] = [:]
    for attempt in controls {
        if attempt.verdict == "not-applicable" {
            withoutFeature[attempt.id] = attempt.word.split(separator: " ").first.map(String.init)
        }
        let shown = attempt.verdict == "works" || (attempt.verdict == "not-applicable" && !attempt.word.isEmpty)
        #expect(shown, "control: \(attempt.line)", sourceLocation: sourceLocation)
    }
    let inside =
        try user?.probe(profile: profile, options: options, ["run", row])
        ?? Sallyport().probe(profile: profile, workspace: workspace, options: options, ["run", row])
    let attempts = Attempt.read(inside.lines)
    #expect(inside.code == 0, "\(inside.errorText)", sourceLocation: sourceLocation)
    #expect(attempts.count == expected.count, "\(inside.errorText)", sourceLocation: sourceLocation)
    for attempt in attempts {
        let found = attempt.verdict == "refused" ? attempt.word : attempt.verdict
        let asExpected = found == expected[attempt.id] || found == withoutFeature[attempt.id]
        #expect(asExpected, "\(attempt.line)", sourceLocation: sourceLocation)
    }
}

/// The deeds of `sp-probe do`: `ok` or an errno name, by what the program printed.
func deed(_ finished: Finished) -> String {
    finished.lines.last?.split(separator: "\t").last.map(String.init) ?? "nothing printed: \(finished.errorText)"
}

extension Outcome {
    var deed: String { PrivilegedTests.deed(finished) }
    var attempts: [Attempt] { Attempt.read(lines) }
    /// First id of the session's block, from the map that the kernel holds.
    var idBase: UInt32? {
        let fields = result?["layers"]?["uid_map"]?.stringValue?.split(separator: " ") ?? []
        return fields.count >= 2 ? UInt32(fields[1]) : nil
    }
    var layers: String { result?["layers"].map { "\($0)" } ?? "" }
}

/// A deed made by sp-probe on the host, outside any sandbox: the control of a staged test.
func onHost(_ arguments: [String], in directory: String? = nil) throws -> String {
    var command = Command(Executables.probe, ["do"] + arguments)
    command.directory = directory
    return deed(try command.run())
}

extension String {
    /// How often a text occurs in this one, counted without overlaps.
    func occurrences(of part: String) -> Int {
        var count = 0
        var at = startIndex
        while at < endIndex {
            if self[at...].hasPrefix(part) {
                count += 1
                at = index(at, offsetBy: part.count)
            } else {
                at = index(after: at)
            }
        }
        return count
    }
}
