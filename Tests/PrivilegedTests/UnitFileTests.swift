// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

extension HostNeed {
    static let systemdAnalyze = HostNeed("systemd-analyze") { access("/usr/bin/systemd-analyze", X_OK) == 0 }
}

/// The unit files that are shipped name programs and verbs that exist, and read as systemd reads them.
@Suite("unit files")
struct UnitFileTests {
    private static let directory = Executables.sources + "/scripts/systemd"
    private static let units = ["sallyport-supervise.service", "sallyport-supervise.socket", "sallyportd.service"]

    /// What a unit starts, with the programs that were just built in the place of installed ones.
    private static func commands(_ unit: String) throws -> [[String]] {
        let lines = try #require(text("\(directory)/\(unit)")).split(separator: "\n")
        return lines.filter { $0.hasPrefix("ExecStart=") }.map { line in
            var words = line.dropFirst("ExecStart=".count).split(separator: " ").map(String.init)
            words[0] = Executables.path(words[0].replacing("/usr/bin/", with: ""))
            return words
        }
    }

    @Test("each starts a verb that there is, with options that it has")
    func verbs() throws {
        #expect(names(Self.directory) == Self.units)
        let supervise = try #require(try Self.commands("sallyport-supervise.service").first)
        #expect(supervise.dropFirst() == ["supervise", "--listen"])
        let help = try Command(supervise[0], ["supervise", "--listen", "--help"]).run()
        #expect(help.code == 0 && help.text.contains("--listen"), "\(help.errorText)")
        let serve = try #require(try Self.commands("sallyportd.service").first)
        #expect(serve.count == 2 && serve[1] == "serve")
        let usage = try Command(serve[0], ["--help"]).run()
        #expect(usage.code == 0 && usage.text.contains("sallyportd serve"), "\(usage.errorText)")
        // Control: a verb that there is not is told.
        #expect(try Command(supervise[0], ["superwise", "--help"]).run().code == 125)
    }

    @Test("systemd takes every line of them", .requires(.systemdAnalyze))
    func verify() throws {
        let scratch = try Scratch()
        for unit in Self.units {
            let file = try #require(text("\(Self.directory)/\(unit)"))
            try scratch.file(unit, file.replacing("=/usr/bin/", with: "=" + Executables.directory + "/"))
        }
        func verify() throws -> Finished {
            try Command("/usr/bin/systemd-analyze", ["verify"] + Self.units.map { scratch.at($0) }).run()
        }
        let done = try verify()
        #expect(done.code == 0 && !done.errorText.contains(scratch.path), "\(done.errorText)")
        // Control: a key that there is not is told.
        let file = try #require(text(scratch.at("sallyportd.service")))
        try scratch.file("sallyportd.service", file.replacing("[Service]", with: "[Service]\nKillMood=process"))
        let flawed = try verify()
        #expect(flawed.errorText.contains("KillMood"), "\(flawed.errorText)")
    }

    @Test("a session outlives a restart of either service, and no mount namespace comes between")
    func shape() throws {
        for unit in Self.units where unit.hasSuffix(".service") {
            let lines = try #require(text("\(Self.directory)/\(unit)")).split(separator: "\n").filter {
                !$0.hasPrefix("#")
            }
            #expect(lines.contains("KillMode=process") && lines.contains("NoNewPrivileges=yes"), "\(unit)")
            let namespaced = ["Protect", "Private", "ReadOnlyPaths", "InaccessiblePaths", "BindPaths", "RootDirectory"]
            for line in lines { #expect(!namespaced.contains { line.hasPrefix($0) }, "\(unit): \(line)") }
        }
    }
}
