// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

extension Threats {
    /// Rows of section 4.1 whose scene lies outside: inherited descriptors, sources of mounts, races, images.
    @Suite("threats 4.1: set-up, staged from outside")
    struct StagedThreatTests {
        @Test("R03: descriptors of the caller do not reach the workload", .requires(.root))
        func r03() throws {
            let directory = try openForChild("/")
            let path = try openForChild("/", pathOnly: true)
            defer {
                closeDescriptor(directory)
                closeDescriptor(path)
            }
            var control = Command(Executables.probe, ["run", "R02a"])
            control.descriptors = [9: directory, 10: path]
            #expect(try control.run().text.contains("ESCAPE:R02a"))

            let sallyport = try Sallyport()
            let record = sallyport.home.at("result.json")
            var command = sallyport.runCommand(
                profile: "strict", options: Sallyport.probeMount, record: record, [Sallyport.probe, "run", "R02"])
            command.descriptors = [9: directory, 10: path]
            let inside = try sallyport.outcome(of: try command.run(), record: record)
            #expect(inside.attempts.map(\.word) == ["ABSENT", "ENOENT", "ABSENT"], "\(inside.text)\(inside.errorText)")
        }

        @Test("R05: a mount source that is exchanged during the start is the directory or refused", .requires(.root))
        func r05() throws {
            let scene = try Scratch()
            try scene.directory("share")
            try scene.file("share/name", "intended")
            try scene.directory("host")
            try scene.file("host/name", "secret")
            try scene.symlink("link", to: scene.at("host"))
            let sallyport = try Sallyport()
            let exchanger = try Exchanger(scene.at("share"), scene.at("link"))
            var intended = 0
            var refused = 0
            for _ in 0..<40 {
                let run = try sallyport.run(
                    profile: "strict", options: ["--mount", "\(scene.at("share")):/run/share"],
                    ["cat", "/run/share/name"])
                if run.text == "intended" { intended += 1 } else if run.code == 125 { refused += 1 }
                #expect(!run.text.contains("secret"))
            }
            exchanger.finish()
            // The names changed under the starts, and each start came to one of the two ends that are allowed.
            #expect(exchanger.exchanges > 100)
            #expect(intended + refused == 40)
        }

        @Test("R06: a rootfs whose null device is a link is refused", .requires(.root))
        func r06() throws {
            try refusedRootfs(
                flaw: { try $0.symlink("\($1)/dev/null", to: "/proc/sys/kernel/core_pattern") }, named: "/dev/null")
        }

        @Test("R07: a console or terminal device of the rootfs is not used", .requires(.root))
        func r07() throws {
            let sallyport = try Sallyport()
            let rootfs = try image(sallyport)
            try rootfs("dev")
            try rootfs("dev/pts")
            try sallyport.home.symlink("state/rootfs/flawed/root/dev/console", to: "/proc/sysrq-trigger")
            try sallyport.home.symlink("state/rootfs/flawed/root/dev/pts/0", to: "/proc/sysrq-trigger")
            let profile = try rootfsProfile(sallyport)
            let run = try sallyport.run(profile: profile, ["sh", "-c", "ls /dev/console; ls /dev/pts"])
            // A fresh devpts, whose only name is the multiplexer, lies where the image has its links.
            #expect(run.text == "ptmx\n", "\(run.errorText)")
        }

        @Test("R08: /proc inside is procfs itself, whatever the image or a mount puts there", .requires(.root))
        func r08() throws {
            try refusedRootfs(flaw: { try $0.symlink("\($1)/proc", to: "/tmp") }, named: "/proc")
            let share = try Scratch()
            try share.directory("self")
            let sallyport = try Sallyport()
            let over = try sallyport.run(profile: "strict", options: ["--mount", "\(share.path):/proc"], ["true"])
            #expect(over.code == 125 && over.errorText.contains("/proc"), "\(over.errorText)")
            let type = try sallyport.run(profile: "strict", ["stat", "-f", "-c", "%T", "/proc", "/proc/self/attr"])
            #expect(type.lines == ["proc", "proc"], "\(type.errorText)")
        }

        @Test("R09: a rootfs whose /dev is a link is refused", .requires(.root))
        func r09() throws {
            try refusedRootfs(flaw: { try $0.symlink("\($1)/dev", to: "/../../host") }, named: "/dev")
        }

        @Test(
            "R10: a mount is placed only where we made the place", .requires(.root),
            arguments: [
                "/workspace/link/x", "/proc/self/x", "/etc/passwd", "/run/../etc/x", "/run/./x", "run/x", "/",
                "/usr/bin",
            ])
        func r10(target: String) throws {
            let share = try Scratch()
            try share.file("marker", "x")
            let work = try Scratch()
            try work.symlink("link", to: "/etc")
            let sallyport = try Sallyport()
            let control = try sallyport.run(
                profile: "strict", workspace: work.path, options: ["--mount", "\(share.path):/run/x"], ["ls", "/run/x"])
            #expect(control.text == "marker\n", "\(control.errorText)")
            let run = try sallyport.run(
                profile: "strict", workspace: work.path, options: ["--mount", "\(share.path):\(target)"], ["true"])
            #expect(run.code == 125, "\(run.errorText)")
            #expect(run.errorText.contains("--mount") || run.errorText.contains(target), "\(run.errorText)")
        }

        @Test("R11: a mount source that became a link between two runs is refused", .requires(.root))
        func r11() throws {
            let scene = try Scratch()
            try scene.directory("cache")
            try scene.file("cache/name", "cache")
            let sallyport = try Sallyport()
            let options = ["--mount", "\(scene.at("cache")):/run/cache"]
            let first = try sallyport.run(profile: "strict", options: options, ["cat", "/run/cache/name"])
            #expect(first.text == "cache", "\(first.errorText)")
            #expect(try onHost(["rename", scene.at("cache"), scene.at("moved")]) == "ok")
            try scene.symlink("cache", to: "/etc")
            let second = try sallyport.run(profile: "strict", options: options, ["ls", "/run/cache"])
            #expect(second.code == 125 && second.errorText.contains("ELOOP"), "\(second.errorText)")
            #expect(second.text.isEmpty)
        }

        @Test("R12: a link or .. on the way to a mount source is refused", .requires(.root))
        func r12() throws {
            let scene = try Scratch()
            try scene.directory("work")
            try scene.symlink("work/link", to: "/etc")
            let sallyport = try Sallyport()
            for source in ["work/link", "work/link/ssl", "work/link/passwd"] {
                let run = try sallyport.run(
                    profile: "strict", options: ["--mount", "\(scene.at(source)):/run/x"], ["ls", "/run/x"])
                #expect(run.code == 125 && run.errorText.contains("ELOOP"), "\(source): \(run.errorText)")
            }
        }

        @Test("R13: an absolute link in the workspace is kept as a link and not followed on apply", .requires(.root))
        func r13Apply() throws {
            let work = try Scratch()
            let outside = try Scratch()
            let run = try Sallyport().run(
                profile: "strict", workspace: work.path, options: ["--apply"],
                ["sh", "-c", "ln -s \(outside.path) out && mkdir real && echo x > real/file && ln -s real inner"])
            #expect(run.code == 0, "\(run.errorText)")
            #expect(names(outside.path).isEmpty)
            #expect(text(work.at("real/file")) == "x\n")
        }

        @Test("R18: what the host mounts after the start does not appear inside", .requires(.root))
        func r18() throws {
            let share = try Scratch()
            try share.directory("late")
            let sallyport = try Sallyport()
            let command = sallyport.runCommand(
                profile: "strict", workspace: share.path,
                options: Sallyport.probeMount + ["--mount", "\(share.path):/run/share"],
                record: sallyport.home.at("result.json"),
                [Sallyport.probe, "do", "then", "read", "/run/share/late/marker"])
            let running = try command.start()
            #expect(try running.line() == "ready")
            let mount = try HostMount(at: share.at("late"))
            try share.file("late/marker", "late")
            #expect(try onHost(["read", share.at("late/marker")]) == "ok")
            running.closeInput()
            let finished = try running.finish()
            #expect(finished.text.contains("read\tENOENT"), "\(finished.text)\(finished.errorText)")
            withExtendedLifetime(mount) {}
        }

        @Test("R19: a writable mount below a read-only one is read-only too", .requires(.root))
        func r19() throws {
            let share = try Scratch()
            try share.directory("below", mode: 0o777)
            let mount = try HostMount(at: share.at("below"))
            try share.directory("below", mode: 0o777)
            #expect(try onHost(["write", share.at("below/control")]) == "ok")
            let run = try Sallyport().probe(
                profile: "strict", options: ["--mount", "\(share.path):/run/share"],
                ["do", "write", "/run/share/below/x"])
            // Landlock answers first where it is in force; the mount is asked for its flag below.
            #expect(["EROFS", "EACCES"].contains(run.deed), "\(run.text)")
            let flags = try Sallyport().run(
                profile: "strict", options: ["--mount", "\(share.path):/run/share"],
                [
                    "sh", "-c",
                    "while read -r a b c d at options rest; do case $at in /run/share*) echo $at ${options%%,*};; esac; done < /proc/self/mountinfo",
                ])
            #expect(Set(flags.lines) == ["/run/share ro", "/run/share/below ro"], "\(flags.errorText)")
            withExtendedLifetime(mount) {}
        }

        // MARK: Images

        /// A minimal image: its /usr is the host's, so that a control can run.
        private func image(_ sallyport: Sallyport) throws -> (String) throws -> Void {
            try sallyport.home.directory("state/rootfs")
            try sallyport.home.directory("state/rootfs/flawed")
            try sallyport.home.directory("state/rootfs/flawed/root")
            try sallyport.home.directory("state/rootfs/flawed/root/usr")
            try sallyport.home.directory("state/rootfs/flawed/root/etc")
            for name in ["bin", "lib", "lib64", "sbin"] {
                try sallyport.home.directory("state/rootfs/flawed/root/usr/\(name)")
            }
            var copying = Command(
                "/bin/sh",
                [
                    "-c",
                    "cp /usr/bin/sh /usr/bin/ls /usr/bin/cat /usr/bin/true bin/ && mkdir -p lib/x86_64-linux-gnu && "
                        + "cp $(ldd /usr/bin/ls /usr/bin/sh | grep -o '/[^ ]*\\.so[^ ]*' | sort -u) lib/x86_64-linux-gnu/ && "
                        + "cp lib/x86_64-linux-gnu/ld-linux* lib64/",
                ])
            copying.directory = sallyport.home.at("state/rootfs/flawed/root/usr")
            let copy = try copying.run()
            #expect(copy.code == 0, "\(copy.errorText)")
            return { try sallyport.home.directory("state/rootfs/flawed/root/\($0)") }
        }

        private func rootfsProfile(_ sallyport: Sallyport) throws -> String {
            try sallyport.home.file(
                "rootfs.yaml", "version: 1\nextends: [strict]\nreason: an image with a flaw\nrootfs: flawed\n")
        }

        private func refusedRootfs(flaw: (Scratch, String) throws -> Void, named: String) throws {
            let sallyport = try Sallyport()
            let make = try image(sallyport)
            let profile = try rootfsProfile(sallyport)
            let control = try sallyport.run(profile: profile, ["true"])
            #expect(control.code == 0, "\(control.errorText)")
            if named == "/dev/null" { try make("dev") }
            try flaw(sallyport.home, "state/rootfs/flawed/root")
            let run = try sallyport.run(profile: profile, ["true"])
            #expect(run.code == 125, "\(run.errorText)")
            #expect(run.errorText.contains("cannot trust rootfs") && run.errorText.contains(named), "\(run.errorText)")
            #expect(run.outcome == "setup_failed" || run.result == nil)
        }
    }
}
