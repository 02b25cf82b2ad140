// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

extension HostNeed {
    /// A program that is many, and needs no library.
    static let busybox = HostNeed("busybox") { access("/usr/bin/busybox", X_OK) == 0 }
}

/// A root of a recipe has the programs of that recipe and no other of the host's.
@Suite("an image with fewer programs", .requires(.root), .requires(.busybox))
struct SmallRootTests {
    private static let programs = ["sh", "ls", "cat", "echo", "touch", "env"]

    /// A root with six programs, where `rootfs/build` would have put it.
    private func small(_ sallyport: Sallyport) throws -> String {
        let root = "state/rootfs/small/root"
        for directory in ["state/rootfs", "state/rootfs/small", root]
            + ["usr", "usr/bin", "usr/lib", "etc"].map({ "\(root)/\($0)" })
        {
            try sallyport.home.directory(directory)
        }
        let place = sallyport.home.at(root)
        let made = try Command(
            "/bin/sh",
            [
                "-euc",
                "cd \"$1\"; shift; cp /usr/bin/busybox usr/bin/busybox; for name; do ln -s busybox usr/bin/$name; done; "
                    + "ln -s usr/bin bin; ln -s usr/bin sbin; ln -s usr/lib lib", "sh", place,
            ] + Self.programs
        ).run()
        try #require(made.code == 0, "\(made.errorText)")
        return try sallyport.home.file(
            "small.yaml", "version: 1\nextends: [strict]\nreason: a test of a small root\nrootfs: small\n")
    }

    @Test("a session finds its programs, none of the host's, and cannot add one")
    func programs() throws {
        let sallyport = try Sallyport()
        let profile = try small(sallyport)
        let host = try sallyport.run(
            profile: "strict", ["/bin/sh", "-c", "perl -e 'print 1'; curl --version | head -c 4"])
        #expect(host.text == "1curl", "\(host.errorText)")

        let run = try sallyport.run(
            profile: profile,
            [
                "/bin/sh", "-c",
                """
                ls /usr/bin; echo --
                for name in perl python3 curl git gcc apt-get; do command -v $name && echo "there is $name"; done
                touch /usr/bin/new && echo added
                /usr/bin/perl -e 1; echo $?
                """,
            ])
        let listed = run.lines.prefix { $0 != "--" }
        #expect(Set(listed) == Set(Self.programs + ["busybox"]), "\(run.text)\(run.errorText)")
        #expect(run.lines.suffix(from: listed.count) == ["--", "127"], "\(run.text)\(run.errorText)")
        #expect(run.errorText.contains("Read-only file system"), "\(run.errorText)")
        let absent = try sallyport.run(profile: profile, ["perl", "-e", "1"])
        #expect(absent.code == 127, "\(absent.errorText)")
    }

    @Test(
        "the shipped recipe for few programs has no package manager, no compiler and no other interpreter than the tools' own"
    )
    func recipe() throws {
        let lines = (text("\(Executables.sources)/rootfs/minimal/packages.lock") ?? "").split(separator: "\n")
        let packages = lines.compactMap { $0.split(separator: " ").first.map(String.init) }
        let larger = (text("\(Executables.sources)/rootfs/debian/packages.lock") ?? "").split(separator: "\n")
        #expect(packages.contains("git") && packages.contains("ca-certificates") && packages.contains("bash"))
        for name in ["apt", "gcc", "gcc-12", "g++-12", "make", "python3", "python3.11-minimal", "wget"] {
            #expect(!packages.contains(name), "\(name)")
        }
        #expect(packages.count < larger.count, "\(packages.count) of \(larger.count)")
        // Each is pinned: name, version, architecture, digest.
        #expect(
            lines.allSatisfy { $0.split(separator: " ").count == 4 && $0.split(separator: " ")[3].utf8.count == 64 })
    }
}
