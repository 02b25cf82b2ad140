// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// The doctor on this host, in a runtime and a state directory of its own.
@Suite("doctor", .timeLimit(.minutes(25)))
struct DoctorTests {
    private func examine(_ operators: Sallyport, _ arguments: [String] = []) throws -> (Finished, [String: JSON]) {
        let finished = try operators.command(["doctor", "--json"] + arguments).run()
        let json = try JSON.read(finished.output, file: "doctor")
        var checks: [String: JSON] = [:]
        for check in try #require(json["checks"]?.arrayValue) {
            checks[try #require(check["layer"]?.stringValue)] = check
        }
        #expect(json["held"]?.boolValue == (finished.code == 0))
        return (finished, checks)
    }

    @Test("the default profile is held here, by a sandbox that was started for it", .requires(.root))
    func strict() throws {
        let (finished, checks) = try examine(try Sallyport())
        #expect(finished.code == 0, "\(finished.text)\(finished.errorText)")
        for layer in [
            "kernel", "user-namespaces", "mount-api", "seccomp", "landlock", "cgroup", "proc", "sandbox", "workspace",
        ] {
            #expect(checks[layer]?["status"] == "ok", "\(layer)")
        }
    }

    @Test("a row that is not ok has a remedy", .requires(.root))
    func remedies() throws {
        let (_, checks) = try examine(try Sallyport())
        #expect(checks.count >= 20)
        for (layer, check) in checks where check["status"] != "ok" {
            #expect(check["remedy"]?.stringValue?.isEmpty == false, "\(layer)")
        }
    }

    @Test("nothing is left in the state directory but the lock", .requires(.root))
    func residue() throws {
        let operators = try Sallyport()
        _ = try examine(operators)
        #expect(access(operators.state + "/doctor.lock", F_OK) == 0)
        #expect(access(operators.state + "/doctor", F_OK) == -1)
    }

    @Test("a profile that cannot be held here exits with 1 and names the layer", .requires(.root))
    func notHeld() throws {
        let operators = try Sallyport()
        let profile = try operators.home.file(
            "recipe.yaml", "version: 1\nextends: [strict]\nreason: a rootfs that nobody built\nrootfs: absent\n",
            mode: 0o644)
        let (finished, checks) = try examine(operators, ["--profile", profile])
        #expect(finished.code == 1)
        #expect(checks["sandbox"]?["status"] == "missing")
        #expect(checks["sandbox"]?["found"]?.stringValue?.contains("ENOENT") == true)
        #expect(checks["merged-usr"]?["required"] == false)
    }

    @Test("a broken profile is the doctor's own failure")
    func broken() throws {
        let operators = try Sallyport()
        let finished = try operators.command(["doctor", "--profile", "no-such-profile"]).run()
        #expect(finished.code == 125)
        #expect(finished.output == [])
        #expect(finished.errorText.hasPrefix("sallyport: cannot load profile no-such-profile: "))
    }

    @Test(
        "every escape probe is refused, and the reader of their report is as confined as it should be", .requires(.root)
    )
    func attack() throws {
        let operators = try Sallyport()
        let finished = try operators.command(["doctor", "--attack", "--json"]).run()
        #expect(finished.code == 0, "\(finished.text)\(finished.errorText)")
        let json = try JSON.read(finished.output, file: "posture")
        #expect(json["complete"] == true)
        let layers = try #require(json["layers"]?.arrayValue)
        #expect(layers.compactMap { $0["layer"]?.stringValue } == ["setup", "kernel", "resources", "terminal"])
        for layer in layers { #expect((layer["refused"]?.intValue ?? 0) > 0, "\(layer.compactText)") }
    }
}
