// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import Supervisor
import TestSupport
import Testing

/// The disk space for large workspaces as the operator's verbs make, show and remove it.
///
/// In a mount namespace of the test's own, whose table compares exactly, and with which every mount goes.
@Suite("pool", .requires(.root), .serialized, .timeLimit(.minutes(25)))
struct PoolVerbTests {
    private let sallyport: Sallyport
    private let view: MountView
    private let before: [String]

    init() throws {
        sallyport = try Sallyport()
        view = try MountView()
        before = view.mounts
        try #require(before.count > 1)
    }

    private func pool(_ arguments: [String], fault: String? = nil) throws -> Finished {
        var command = sallyport.command(["pool"] + arguments)
        if let fault { command.environment["SALLYPORT_FAULT_POINT"] = fault }
        return try view.command(command).run()
    }

    private func show() throws -> (code: Int32?, report: JSON) {
        let shown = try pool(["show", "--json"])
        return (shown.code, try JSON.read(shown.output, file: "pool show"))
    }

    private var image: String { sallyport.state + "/pool.img" }
    private var place: String { sallyport.state + "/pool" }
    /// Mounts that were not there before.
    private var added: [String] { view.mounts.filter { !before.contains($0) } }

    /// What is left of a pool; a device may be detached a moment after its mount is gone.
    private func residue() -> [String] {
        func devices() -> [String] {
            names("/sys/block").filter {
                text("/sys/block/\($0)/loop/backing_file")?.contains(sallyport.home.path) == true
            }
        }
        _ = awaited { devices().isEmpty ? true : nil }
        return devices() + added + names(sallyport.state).filter { $0.contains("pool") }
    }

    @Test("is made once, mounted again after a restart, and removed without a trace", .requires(.pool))
    func lifecycle() throws {
        #expect(try show().code == 1 && show().report["state"] == "absent", "control")
        let made = try pool(["create", "--size", "300MiB"])
        #expect(made.code == 0, "\(made.errorText)")
        let (code, report) = try show()
        #expect(code == 0 && report["state"] == "mounted" && report["quota"] == true, "\(report.prettyText)")
        #expect(report["image_bytes"] == .int(300 << 20) && report["image"]?.stringValue == image)
        #expect((report["bytes_on_disk"]?.intValue ?? .max) < 32 << 20, "sparse")
        let file = try #require(status(image))
        #expect(file.mode & 0o7777 == 0o600 && file.uid == 0)
        let mount = try #require(added.first)
        #expect(added.count == 1)
        for option in ["nosuid", "nodev", "prjquota", " ext4 ", " \(place) "] {
            #expect(mount.contains(option), "\(option): \(mount)")
        }
        let mode = try view.command(Command("/usr/bin/stat", ["-c", "%a %u", place])).run()
        #expect(mode.text == "700 0\n")

        #expect(try pool(["create"]).code == 0 && added == [mount], "a second one is the same one")
        let larger = try pool(["create", "--size", "400MiB"])
        #expect(larger.code == 125 && larger.errorText.contains("EEXIST"), "\(larger.errorText)")
        let elsewhere = try pool(["create", "--path", sallyport.home.at("other.img")])
        #expect(elsewhere.code == 125 && elsewhere.errorText.contains("EEXIST"), "\(elsewhere.errorText)")

        #expect(try sallyport.command(["sweep"]).run().code == 0)
        #expect(added == [mount] && status(image) != nil, "sweep leaves a pool alone")

        // What a restart of the host leaves: the image.
        #expect(try view.command(Command("/usr/bin/umount", [place])).run().code == 0)
        #expect(try show().code == 1 && show().report["state"] == "unmounted")
        #expect(try sallyport.command(["sweep"]).run().code == 0)
        #expect(try pool(["mount"]).code == 0)
        #expect(try show().report["state"] == "mounted" && added.count == 1)

        let removed = try pool(["remove"])
        #expect(removed.code == 0, "\(removed.errorText)")
        #expect(residue() == [])
        #expect(try pool(["remove"]).code == 0, "nothing to do is no error")
    }

    /// Larger than any memory place takes, and than what the probe writes until it is stopped.
    private let large = ["memory=512MiB", "tmp=32MiB", "shm=16MiB", "workspace_bytes=1100MiB", "workspace_inodes=500"]
        .flatMap { ["--limit", $0] }

    @Test("holds what sessions write, each to its own limits, and stays while one of them lives", .requires(.pool))
    func sessions() throws {
        #expect(try pool(["create", "--size", "3GiB"]).code == 0)
        // As after a restart of the host.
        #expect(try view.command(Command("/usr/bin/umount", [place])).run().code == 0)
        #expect(try pool(["mount"]).code == 0)
        let tree = try Scratch()
        let record = sallyport.home.at("neighbour.json")
        let neighbour = try view.command(
            sallyport.runCommand(
                profile: "strict", workspace: tree.path, options: large + ["--discard"], record: record,
                ["sh", "-c", "echo before >file && echo started && read go && echo after >>file && cat file"])
        ).start()
        #expect(try neighbour.line() == "started")
        let id = try #require(names("\(sallyport.runtime)/sessions").first)
        #expect(try show().report["sessions"] == .array([.string(id)]))

        let refused = try pool(["remove"])
        #expect(refused.code == 125 && refused.errorText.contains("EBUSY") && refused.errorText.contains(id))
        #expect(try view.command(sallyport.command(["sweep"])).run().code == 0)
        #expect(try show().report["sessions"] == .array([.string(id)]), "sweep leaves a live one alone")

        for (bomb, limit) in [("allocate", "workspace_bytes"), ("files", "workspace_inodes")] {
            let file = sallyport.home.at("\(bomb).json")
            var command = sallyport.runCommand(
                profile: "strict", workspace: tree.path, options: Sallyport.probeMount + large + ["--discard"],
                record: file, [Sallyport.probe, "bomb", bomb])
            command.deadline = .seconds(200)
            let run = try sallyport.outcome(of: try view.command(command).run(), record: file)
            let fields = run.lines.first?.split(separator: "\t").map(String.init) ?? []
            #expect(fields.prefix(2) == [bomb, "stopped"], "\(run.text)\(run.errorText)")
            #expect(["EDQUOT", "ENOSPC"].contains(fields.dropFirst(2).first ?? ""))
            #expect(run.result?["workspace_place"]?.stringValue == "pool" && run.limitsHit == [limit])
        }
        try neighbour.send(Array("go\n".utf8))
        let finished = try neighbour.finish()
        #expect(finished.text == "started\nbefore\nafter\n", "\(finished.text)\(finished.errorText)")
        #expect(try show().report["sessions"] == .array([]))
        let left = try view.command(Command("/bin/ls", ["-A", place])).run()
        #expect(left.text == "lost+found\n", "\(left.text)")
        #expect(try pool(["remove"]).code == 0)
        #expect(residue() == [])
    }

    @Test("a kernel that cannot mount it is told, and nothing is left", .disabled(if: HostNeed.pool.isPresent()))
    func refused() throws {
        let made = try pool(["create", "--size", "300MiB"])
        #expect(made.code == 125 && made.text.isEmpty)
        #expect(made.errorText.contains("CONFIG_QFMT_V2") && made.errorText.contains("dmesg"), "\(made.errorText)")
        #expect(residue().filter { $0 != "pool" } == [])
        #expect(try show().report["state"] == "absent")
    }

    @Test(
        "a verb that is killed leaves nothing that sweep and remove do not take",
        arguments: ["pool.recorded", "pool.formatted", "pool.named", "pool.attached"])
    func swept(point: String) throws {
        #expect(try pool(["create", "--size", "300MiB"], fault: point).ending == .signalled(9), "\(point) was reached")
        #expect(names(sallyport.state).contains("pool.json"))
        let sweep = try sallyport.command(["sweep"]).run()
        #expect(sweep.code == 0, "\(sweep.errorText)")
        // An image that is whole is a pool, which only its own verb removes.
        let isWhole = ["pool.named", "pool.attached"].contains(point)
        #expect(try show().report["state"]?.stringValue == (isWhole ? "unmounted" : "absent"))
        if !isWhole { #expect(residue().filter { $0 != "pool" } == []) }
        #expect(try pool(["remove"]).code == 0)
        #expect(residue() == [])
    }

    @Test("a verb that is killed is done by the next one", .requires(.pool), arguments: FaultPoint.poolNames)
    func completed(point: String) throws {
        let removing = point == "pool.unmounted" || point == "pool.image.removed"
        if removing { #expect(try pool(["create", "--size", "300MiB"]).code == 0) }
        let killed = try pool(removing ? ["remove"] : ["create", "--size", "300MiB"], fault: point)
        #expect(killed.ending == .signalled(9), "\(point) was reached")
        let again = try pool(["create"] + (names(sallyport.state).contains("pool.img") ? [] : ["--size", "300MiB"]))
        #expect(again.code == 0, "\(again.errorText)")
        #expect(try show().report["state"] == "mounted" && added.count == 1)
        #expect(try pool(["remove"]).code == 0)
        #expect(residue() == [])
    }

    @Test("what cannot be a pool is refused before anything is made")
    func badInput() throws {
        let open = try sallyport.home.directory("open", mode: 0o777)
        try sallyport.home.file("taken", "not a pool\n")
        let flaws: [(arguments: [String], says: String)] = [
            (["--size", "1MiB"], "EINVAL"), (["--size", "16385GiB"], "EINVAL"), (["--size", "16000GiB"], "ENOSPC"),
            (["--size", "20GB"], "\"20GB\" is not"), (["--path", "pool.img"], "EINVAL"),
            (["--path", open + "/pool.img"], "EPERM"), (["--path", "/nonexistent/pool.img"], "ENOENT"),
            (["--path", sallyport.home.at("taken"), "--size", "300MiB"], "EEXIST"), (["--sise", "1"], "--sise"),
        ]
        for flaw in flaws {
            let made = try pool(["create"] + flaw.arguments)
            #expect(made.code == 125 && made.text.isEmpty, "\(flaw.arguments)")
            #expect(made.errorText.contains(flaw.says), "\(flaw.arguments): \(made.errorText)")
            #expect(residue() == [], "\(flaw.arguments)")
        }
        #expect(text(sallyport.home.at("taken")) == "not a pool\n")
        let absent = try pool(["mount"])
        #expect(absent.code == 125 && absent.errorText.contains("sallyport pool create"), "\(absent.errorText)")
    }

    @Test("without mkfs.ext4 the package is named, and nothing is left")
    func noFormatter() throws {
        // A file that is no program, since it is not executable.
        let hidden = try view.command(
            Command("/usr/bin/mount", ["--bind", "/dev/null", "/usr/sbin/mkfs.ext4"])
        ).run()
        try #require(hidden.code == 0, "\(hidden.errorText)")
        let made = try pool(["create", "--size", "300MiB"])
        #expect(made.code == 125 && made.text.isEmpty)
        #expect(made.errorText.contains("Install the package e2fsprogs"), "\(made.errorText)")
        #expect(added.count == 1, "only the cover")
        #expect(names(sallyport.state).filter { $0.contains("pool") } == ["pool"])
    }

    @Test("nothing is mounted over what a session has there")
    func occupied() throws {
        try sallyport.home.directory("state/pool", mode: 0o700)
        try sallyport.home.directory("state/pool/s-abcdefghijkl")
        let made = try pool(["create", "--size", "300MiB"])
        #expect(made.code == 125 && made.errorText.contains("ENOTEMPTY"), "\(made.errorText)")
        #expect(added == [] && names(sallyport.state).contains("pool.json") == false)
    }

    @Test("sweep takes the directories of sessions that are gone without a trace, and nothing else")
    func orphans() throws {
        for path in ["", "/s-abcdefghijkl", "/s-abcdefghijkl/top", "/.removed-0-s-abcdefghijkm", "/lost+found"] {
            try sallyport.home.directory("state/pool\(path)", mode: 0o700)
        }
        let sweep = try sallyport.command(["sweep", "--json"]).run()
        #expect(sweep.code == 0 && sweep.text.contains("pool/s-abcdefghijkl"), "\(sweep.text)\(sweep.errorText)")
        #expect(names(place) == ["lost+found"])
    }

    @Test("a workspace that holds the image is refused")
    func workspace() throws {
        let disk = try sallyport.home.directory("disk")
        let project = try sallyport.home.directory("disk/project")
        func run(_ workspace: String) throws -> TestSupport.Outcome {
            try sallyport.run(profile: "strict", workspace: workspace, options: ["--discard"], ["true"])
        }
        #expect(try run(disk).code == 0, "control")
        let made = try pool(
            ["create", "--size", "300MiB", "--path", disk + "/pool.img"], fault: "pool.named")
        #expect(made.ending == .signalled(9))
        let refused = try run(disk)
        #expect(refused.code == 125 && refused.errorText.contains("EPERM"), "\(refused.errorText)")
        #expect(refused.errorText.contains("\(disk)/pool.img"))
        #expect(try run(project).code == 0, "control: only the image is in the way")
        #expect(try pool(["remove"]).code == 0)
        #expect(names(disk) == ["project"] && residue() == [])
    }
}
