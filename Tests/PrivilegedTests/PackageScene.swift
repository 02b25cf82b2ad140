// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

extension HostNeed {
    /// pip of the system; it needs no network.
    static let pip = HostNeed("pip") {
        do { return try Command("/usr/bin/python3", ["-m", "pip", "--version"]).run().code == 0 } catch { return false }
    }
}

/// One index on loopback: Tests/Fixtures/package-index/index.py.
final class PackageIndex {
    let port: String
    private let log: String
    private let server: Running

    init(_ home: Scratch, _ spec: JSON) throws {
        let name = spec["name"]?.stringValue ?? ""
        log = home.at("\(name).log")
        let file = try home.file("\(name).json", spec.compactText)
        var command = Command(
            "/usr/bin/python3", ["-B", "\(Executables.sources)/Tests/Fixtures/package-index/index.py", log, file])
        command.deadline = .seconds(110)
        server = try command.start()
        guard let port = try server.line() else {
            throw HarnessError("the index did not start: \(try server.finish().errorText)")
        }
        self.port = port
    }

    deinit {
        // It ends with its input.
        server.closeInput()
        do { _ = try server.finish() } catch { print("note: \(error)") }
    }

    var url: String { "http://127.0.0.1:\(port)/simple" }

    /// What it was asked: method, path and credential of each request.
    var requests: [String] { (text(log) ?? "").split(separator: "\n").map(String.init) }
}

/// An operator whose sessions find packages at packages.internal: those of `acme-*` at an index of their own that wants a
/// password, all others at one that everybody can publish to.
final class PackageScene {
    let sallyport: Sallyport
    let own: PackageIndex
    let rest: PackageIndex
    let file: String
    let profile: String
    static let password = "operator:canary-7f3a9c1d"  // not a secret

    /// - Parameters:
    ///   - rest: Members of the public index's specification.
    ///   - restRules: Lines of its entry in the operator's file.
    init(own: JSON, rest: JSON, restForm: String = "json", restRules: String = "", pages: JSON = [:]) throws {
        sallyport = try Sallyport()
        self.own = try PackageIndex(
            sallyport.home,
            ["name": "own", "form": "json", "basic": .string(Self.password), "projects": own, "pages": pages])
        self.rest = try PackageIndex(
            sallyport.home, ["name": "rest", "form": .string(restForm), "projects": rest, "pages": pages])
        let secret = try sallyport.home.file("password", Self.password + "\n", mode: 0o600)
        file = try sallyport.home.file(
            "packages.yaml",
            """
            version: 1
            indexes:
              own: {upstream: "\(self.own.url)", packages: [acme-*], credential: "file:\(secret)"}
              rest:
                upstream: "\(self.rest.url)"
                packages: [common-*, fresh, scripted]
            \(restRules)

            """)
        profile = try sallyport.home.file(
            "profile.yaml", "version: 1\nextends: [strict]\nreason: a test of packages\negress: {rules: []}\n")
    }

    static let pip = "/usr/bin/python3 -m pip --no-cache-dir --disable-pip-version-check --no-input"
    static let install = "\(pip) install -q --no-deps --retries 0 --target /tmp/had"

    func run(_ script: String, options: [String] = []) throws -> Outcome {
        try sallyport.run(
            profile: profile, options: ["--packages", file] + options, deadline: .seconds(110),
            ["/bin/bash", "-c", script])
    }

    func ledger(of outcome: Outcome) throws -> [JSON] {
        let session = try #require(outcome.session, "\(outcome.errorText)")
        let path = "\(sallyport.runtime)/sessions/\(session)/packages.jsonl"
        return try (text(path) ?? "").split(separator: "\n").map { try JSON.read(Array($0.utf8), file: path) }
    }
}
