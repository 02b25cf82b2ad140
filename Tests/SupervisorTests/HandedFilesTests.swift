// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import LinuxSystem
import Supervisor
import Testing

/// Files that a client hands over, looked at by the process that takes them: this one is both.
@Suite("handed files")
struct HandedFilesTests {
    private final class Scene {
        let directory: String
        private let held = DescriptorSet()
        let peer: Peer

        init() throws {
            var template = Array("/var/tmp/sallyport-handed-XXXXXX".utf8CString)
            try #require(template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) } != nil)
            directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            // Who is at the other end of one's own pair is oneself.
            let pair = try Channel.messages()
            peer = Peer(of: pair.first.number)
            held.keep(try pair.first.duplicate())
        }

        deinit { _ = system("rm -rf '\(directory)'") }

        func keep(_ file: consuming Descriptor) -> Int32 { held.keep(file) }

        func open(_ path: String, _ flags: Int32) throws -> Int32 {
            keep(try Descriptor.open(path, flags, mode: 0o600))
        }

        /// The three that every session has, and one more.
        func take(_ role: HandedFiles.Role, _ number: Int32, sources: [String]? = nil) throws(SystemError)
            -> HandedFiles
        {
            let null = held.keep(try Descriptor.open("/dev/null", O_RDWR))
            let usual: [HandedFiles.Role] = [.input, .output, .error]
            var files = usual.filter { $0 != role }.map { (role: $0, number: null) }
            files.append((role, number))
            return try HandedFiles(files, of: peer, beneath: sources ?? [directory])
        }

        func refusal(_ role: HandedFiles.Role, _ number: Int32, sources: [String]? = nil) -> String {
            do throws(SystemError) { _ = try take(role, number, sources: sources) } catch { return error.description }
            return "taken"
        }
    }

    @Test("files of the right kinds are taken, and lie where the kernel says")
    func right() throws {
        let scene = try Scene()
        let tree = try scene.open(scene.directory, O_RDONLY | O_DIRECTORY)
        for role in [HandedFiles.Role.workspace, .mount(0), .mirror, .quarantine] {
            #expect(try scene.take(role, tree).path(role) == scene.directory)
        }
        let file = try scene.open(scene.directory + "/out", O_RDWR | O_CREAT)
        for role in [HandedFiles.Role.result, .frames, .export, .record("plan.json"), .mount(0), .output] {
            #expect(try scene.take(role, file).has(role))
        }
        let secret = scene.keep(try SealedDocument.make(Array("x".utf8), name: "s"))
        #expect(try scene.take(.secret(0), secret).has(.secret(0)))
        let pipe = try Channel.pipe()
        #expect(scene.refusal(.input, pipe.first.number) == "taken")
        #expect(scene.refusal(.output, pipe.second.number) == "taken")
    }

    @Test("a path is no proof of a right, and neither is the wrong direction")
    func rights() throws {
        let scene = try Scene()
        let path = try scene.open(scene.directory, O_PATH | O_DIRECTORY)
        #expect(
            scene.refusal(.workspace, path)
                == "cannot take file \"workspace\" of the request, which is a path only (O_PATH): Bad file descriptor (EBADF). Hand over a file of the right kind."
        )
        let reading = try scene.open(scene.directory + "/a", O_RDONLY | O_CREAT)
        let writing = try scene.open(scene.directory + "/a", O_WRONLY)
        #expect(scene.refusal(.result, reading).contains("which is not open for writing"))
        #expect(scene.refusal(.mount(0), writing).contains("which is not open for reading"))
        #expect(scene.refusal(.output, reading).contains("which is not open for writing"))
    }

    @Test("files of another kind are refused by what they are")
    func kinds() throws {
        let scene = try Scene()
        let file = try scene.open(scene.directory + "/a", O_RDWR | O_CREAT)
        let tree = try scene.open(scene.directory, O_RDONLY | O_DIRECTORY)
        let pipe = try Channel.pipe()
        let messages = try Channel.messages()
        #expect(scene.refusal(.workspace, file).contains("which is no directory"))
        #expect(scene.refusal(.result, tree).contains("which is no regular file"))
        #expect(scene.refusal(.export, pipe.second.number).contains("which is no regular file"))
        #expect(scene.refusal(.mount(0), pipe.first.number).contains("which is neither a directory nor a regular file"))
        #expect(scene.refusal(.secret(0), file).contains("which is no sealed file in memory"))
        #expect(scene.refusal(.input, tree).contains("which is neither a pipe nor a regular file nor a local stream"))
        #expect(scene.refusal(.input, messages.first.number).contains("nor a local stream"))
        let neither = "which is neither a pipe nor a regular file: "
        #expect(scene.refusal(.output, tree).contains(neither))
        // Whoever reads at its other end can have root's credentials beside each piece.
        let stream = try Channel.stream()
        #expect(scene.refusal(.input, stream.first.number) == "taken")
        for role in [HandedFiles.Role.output, .error] {
            #expect(scene.refusal(role, stream.first.number).contains(neither), "\(role)")
        }
        // What is written there is done with the rights of whoever writes.
        let netlink = scene.keep(Descriptor(owning: socket(AF_NETLINK, Int32(SOCK_RAW.rawValue), 0)))
        #expect(scene.refusal(.output, netlink).contains(neither))
        let zero = try scene.open("/dev/zero", O_RDWR)
        #expect(scene.refusal(.output, zero).contains(neither))
    }

    @Test("what is written lies where it counts against somebody, in a file that is no program of anybody's")
    func outputs() throws {
        let scene = try Scene()
        let roles: [HandedFiles.Role] = [.export, .frames, .result, .record("plan.json")]
        let memory = scene.keep(Descriptor(owning: Int32(try checked("make", "a memory file") { sp_memfd("x") })))
        let deleted = try scene.open(scene.directory + "/a", O_RDWR | O_CREAT)
        for role in roles { #expect(scene.refusal(role, deleted) == "taken", "\(role)") }
        try #require(unlink(scene.directory + "/a") == 0)
        for role in roles {
            #expect(scene.refusal(role, memory).contains("which has no name: it is in memory, or deleted"), "\(role)")
            #expect(scene.refusal(role, deleted).contains("which has no name"), "\(role)")
        }
        let program = try scene.open(scene.directory + "/b", O_RDWR | O_CREAT)
        for mode: mode_t in [0o4700, 0o2770] {
            try #require(fchmod(program, mode) == 0)
            for role in roles + [.output, .error] {
                #expect(scene.refusal(role, program).contains("which is setuid or setgid"), "\(role)")
            }
            // It is only read.
            #expect(scene.refusal(.input, program) == "taken")
        }
    }

    @Test("a tree on a mount that is attached nowhere is refused, whatever its path says", .enabled(if: geteuid() == 0))
    func mounts() throws {
        let scene = try Scene()
        try #require(mkdir(scene.directory + "/srv", 0o755) == 0 && mkdir(scene.directory + "/srv/a", 0o755) == 0)
        let top = try Descriptor.open(scene.directory, O_PATH | O_DIRECTORY)
        // Its root is that directory: beneath it lies a /srv/a of whoever made it.
        let mount = Descriptor(
            owning: Int32(
                try checked("clone", "a mount") { sp_open_tree(top.number, "", SP_TREE_CLONE | SP_AT_EMPTY_PATH) }))
        let opened = sp_openat2(mount.number, "srv/a", UInt64(O_RDONLY | O_DIRECTORY), 0, 0)
        let tree = scene.keep(Descriptor(owning: Int32(try checked("open", "a tree") { opened })))
        for role in [HandedFiles.Role.workspace, .mount(0), .mirror, .quarantine] {
            #expect(
                scene.refusal(role, tree, sources: ["/srv"])
                    .contains("which lies on a mount that is none of this host's mount namespace"), "\(role)")
        }
        // Control: the same directory by its own mount.
        let own = try scene.open(scene.directory + "/srv/a", O_RDONLY | O_DIRECTORY)
        #expect(scene.refusal(.workspace, own) == "taken")
    }

    @Test("the kernel's own files are nobody's output and nobody's tree")
    func special() throws {
        let scene = try Scene()
        let map = try scene.open("/proc/self/oom_score_adj", O_RDWR)
        for role in [HandedFiles.Role.output, .result, .export] {
            #expect(
                scene.refusal(role, map).contains("which lies on a file system of the kernel's or of a process'"),
                "\(role)")
        }
        let tree = try scene.open("/proc/self", O_RDONLY | O_DIRECTORY)
        #expect(scene.refusal(.mount(0), tree, sources: ["/"]).contains("which lies on a file system of the kernel's"))
    }

    @Test("a terminal is refused with what to do instead", .enabled(if: access("/dev/ptmx", R_OK | W_OK) == 0))
    func terminal() throws {
        let scene = try Scene()
        let terminal = try scene.open("/dev/ptmx", O_RDWR | O_NOCTTY)
        #expect(scene.refusal(.output, terminal).contains("Give the listening supervisor a pipe or a file"))
    }

    @Test("a tree beneath none of the ceiling's sources is refused by its real path")
    func sources() throws {
        let scene = try Scene()
        let tree = try scene.open(scene.directory, O_RDONLY | O_DIRECTORY)
        #expect(scene.refusal(.workspace, tree, sources: ["/"]) == "taken")
        // A longer name that begins alike is another directory.
        #expect(
            scene.refusal(.workspace, tree, sources: [String(scene.directory.dropLast()), scene.directory + "/below"])
                .contains("cannot show \"\(scene.directory)\" as file \"workspace\" of the request"))
    }

    @Test("another's tree is refused as a workspace or a repository", .enabled(if: geteuid() == 0))
    func another() throws {
        let scene = try Scene()
        try #require(chmod(scene.directory, 0o755) == 0 && chown(scene.directory, 4242, 0) == 0)
        let tree = try scene.open(scene.directory, O_RDONLY | O_DIRECTORY)
        for role in [HandedFiles.Role.workspace, .mirror, .quarantine] {
            #expect(scene.refusal(role, tree).contains("which belongs to uid 4242 and not to uid 0"), "\(role)")
        }
        try #require(chown(scene.directory, 0, 4242) == 0)
        #expect(scene.refusal(.workspace, tree).contains("which is of group 4242, which uid 0 is not in"))
        // To be shown read-only under nobody's name it may be anybody's.
        #expect(scene.refusal(.mount(0), tree) == "taken")
    }

    @Test("each role is there once, and the three of every session are")
    func complete() throws {
        let scene = try Scene()
        let null = try scene.open("/dev/null", O_RDWR)
        func refusal(_ roles: [HandedFiles.Role]) -> String {
            do throws(SystemError) {
                _ = try HandedFiles(roles.map { ($0, null) }, of: scene.peer, beneath: [])
            } catch { return error.description }
            return "taken"
        }
        #expect(refusal([.input, .output, .error]) == "taken")
        #expect(refusal([.input, .output]).contains("file \"stderr\" of the request, which is missing"))
        #expect(refusal([.input, .output, .error, .output]).contains("which is there twice"))
    }
}
