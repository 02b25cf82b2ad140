// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// An operator whose sessions find models at llm.internal, and the vendor behind them.
final class ModelScene {
    let sallyport: Sallyport
    let vendor: ModelVendor
    let profile: String

    init(
        _ more: [String] = [], budget: String = "1.00", upstream: String = "http://127.0.0.1:PORT",
        credential: String = "file:PLACE", isWide: Bool = false,
        prepare: (Scratch) throws -> (options: String, certificate: [String]) = { _ in ("", []) }
    ) throws {
        sallyport = try Sallyport()
        let (options, certificate) = try prepare(sallyport.home)
        vendor = try ModelVendor(
            sallyport.home, more, budget: budget, upstream: upstream, options: options, certificate: certificate,
            credential: credential, isWide: isWide)
        profile = try sallyport.home.file(
            "profile.yaml", "version: 1\nextends: [strict]\nreason: a test of models\negress: {rules: []}\n")
    }

    func command(_ script: String, options: [String] = []) -> (command: Command, record: String) {
        let record = sallyport.home.at("result-\(UInt32.random(in: 0...UInt32.max)).json")
        var command = sallyport.runCommand(
            profile: profile, options: ["--model", vendor.file] + options, record: record,
            ["/usr/bin/python3", "-B", "-c", ModelVendor.client + script])
        command.deadline = .seconds(100)
        return (command, record)
    }

    func run(_ script: String, options: [String] = []) throws -> Outcome {
        let (command, record) = command(script, options: options)
        return try sallyport.outcome(of: try command.run(), record: record)
    }

    func lines(_ name: String, of outcome: Outcome) throws -> [JSON] {
        let session = try #require(outcome.session)
        let path = "\(sallyport.runtime)/sessions/\(session)/\(name)"
        return try (text(path) ?? "").split(separator: "\n").map { try JSON.read(Array($0.utf8), file: path) }
    }

    func ledger(of outcome: Outcome) throws -> [JSON] { try lines("model.jsonl", of: outcome) }
}
