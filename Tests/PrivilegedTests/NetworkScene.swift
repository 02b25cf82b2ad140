// SPDX-License-Identifier: Apache-2.0
import CLinux
import Documents
import Glibc
import Isolation
import LinuxSystem
import Policy
import Supervisor
import TestSupport

/// A sandbox with a network of its own, whose sockets the test holds, and a program inside that does what it is told.
///
/// Started by the process of the test itself, so it belongs into an exit test: the calling thread blocks every signal,
/// and in rootless mode the process becomes an ordinary user for good.
final class NetworkScene {
    private var sandbox: Sandbox
    private var sockets: NetworkSockets?
    private let scratch: Scratch
    private let input: Descriptor
    private let output: Descriptor
    private var unread: [UInt8] = []
    private let connections = DescriptorSet()

    /// Reads one expression a line and answers with its value, or the name of the error that it raised.
    private static let agent = """
        import errno, socket, sys
        from socket import *
        kept = []
        def make(address, kind=SOCK_STREAM):
            s = socket(AF_INET6 if ':' in address else AF_INET, kind)
            s.settimeout(20)
            kept.append(s)
            return s
        def connect(address, port, kind=SOCK_STREAM):
            s = make(address, kind)
            s.connect((address, port))
            return 'ok'
        def source(address, port):
            s = make(address, SOCK_DGRAM)
            s.connect((address, port))
            return s.getsockname()[0]
        def ask(address, port, data):
            s = make(address, SOCK_DGRAM)
            s.connect((address, port))
            s.send(data)
            return s.recv(512).decode()
        def send(address, port, size):
            return make(address, SOCK_DGRAM).sendto(bytes(size), (address, port))
        def serve(address, port, *options):
            s = make(address)
            for option in options: s.setsockopt(SOL_SOCKET, option, 1)
            s.bind((address, port))
            s.listen()
            return s.getsockname()[1]
        def words(path, start):
            return ' '.join(line.split()[1] for line in open(path) if line.startswith(start))
        for line in sys.stdin:
            try: print(eval(line), flush=True)
            except gaierror as e: print(e.args[0], flush=True)
            except OSError as e: print(errno.errorcode.get(e.errno, repr(e)), flush=True)
            except Exception as e: print(repr(e), flush=True)
        """

    init(_ network: NetworkPlan?, mode: Mode) throws {
        let program = try Programs(directory: Executables.directory).sealed("sp-init")
        let profile = try ProfileFiles(shipped: Executables.sources + "/profiles").load("strict-rlimit")
        scratch = try Scratch()
        if mode == .rootless { try Self.becomeOrdinary(scratch) }
        let signals = sp_block_signals_and_watch()
        guard signals >= 0 else { throw HarnessError("block", "signals", Int32(-signals)) }
        _ = Descriptor(owning: Int32(signals))
        let paths = HostPaths(runtime: scratch.at("run"), state: scratch.at("state"))
        try paths.prepare()
        let requests = try Channel.pipe()
        let answers = try Channel.pipe()
        let held = DescriptorSet()
        let trees = Trees(mode: mode, held: held)
        let skeleton = try Skeleton.ensure(paths, mode: mode)
        var spec = SandboxSpec(
            session: "s-network", mode: mode, profile: profile, landlockABI: max(0, Int(sp_landlock_abi())),
            filter: try FilterCache(paths).filter(for: FilterSpecification(profile.syscalls)), runtime: paths.runtime,
            root: try trees.open(skeleton.root, at: "", recursive: false),
            dev: try trees.open(skeleton.dev, at: "dev", recursive: false, keepDevices: true),
            systemTrees: [try trees.open("/usr", at: "usr")], mounts: [], workspace: .empty,
            argv: ["python3", "-c", Self.agent].map { Array($0.utf8) }, environment: [Array("PATH=/usr/bin".utf8)])
        spec.network = network
        if network != nil { spec.systemTrees += try skeleton.resolverTrees(trees) }
        spec.standard = [
            held.keep(try requests.first.duplicate()), held.keep(try answers.second.duplicate()),
            held.keep(try answers.second.duplicate()),
        ]
        // Ids that no table of this host gives out: below the standard range.
        let block = IdBlock(index: 0, base: 0x6000_0000 + UInt32.random(in: 0..<4096) << 16)
        let maps: IdMaps = mode == .host ? .session(block) : .single(uid: geteuid(), gid: getegid())
        let made = mode == .host ? SessionNetwork.begin(on: try WorkerThread("network")) : nil
        if let network { made?.equip(network) }
        sandbox = try Sandbox.start(spec, maps: maps, network: made, initProgram: program, fault: nil) { _ in }
        held.closeAll()
        input = try requests.second.duplicate()
        output = try answers.first.duplicate()
        sockets = sandbox.network.take()
        let report = try sandbox.status.receive(limit: 8, subject: "sp-init's report")
        for number in report?.descriptors ?? [] { _ = Descriptor(owning: number) }
        guard report?.bytes.first == 1 else { throw HarnessError("sp-init reported \(report?.bytes ?? [])") }
        try sandbox.status.send([1], descriptors: [], subject: "the word to start")
    }

    private static func becomeOrdinary(_ scratch: Scratch) throws(HarnessError) {
        let id: uid_t = 4242
        guard lchown(scratch.path, id, id) == 0, setgroups(0, nil) == 0, setresgid(id, id, id) == 0,
            setresuid(id, id, id) == 0
        else { throw HarnessError("become", "an ordinary user", errno) }
        // Files below /proc/<pid> belong to root otherwise, id maps included. proc(5)
        let result = sp_prctl(PR_SET_DUMPABLE, 1, 0)
        guard result >= 0 else { throw HarnessError("become", "dumpable", Int32(-result)) }
    }

    /// What an expression comes to inside.
    func ask(_ expression: String) throws -> String {
        try tell(expression)
        return try answer()
    }

    /// Sends an expression whose answer depends on what the test does next.
    func tell(_ expression: String) throws {
        try input.writeAll(Array(expression.utf8) + [10], subject: "an expression")
    }

    func answer() throws -> String {
        while true {
            if let end = unread.firstIndex(of: 10) {
                defer { unread.removeSubrange(...end) }
                return String(decoding: unread[..<end], as: UTF8.self)
            }
            guard sp_poll_one(output.number, Int16(POLLIN), 30_000) > 0 else {
                throw HarnessError("the program inside does not answer")
            }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let got = bytes.withUnsafeMutableBytes { sp_read(output.number, $0.baseAddress!, $0.count) }
            guard got > 0 else { throw HarnessError("the program inside has ended") }
            unread += bytes.prefix(got)
        }
    }

    var hasSockets: Bool { sockets != nil }
    var pid: Int32 { sandbox.pid }

    /// Hands all sockets over, with which the scene then has nothing to do.
    func takeSockets() -> NetworkSockets? { sockets.take() }

    func take(_ role: NetworkRole) throws -> Descriptor {
        guard let socket = sockets?.take(role) else { throw HarnessError("there is no socket \(role)") }
        return socket
    }

    func number(_ role: NetworkRole) throws -> Int32 {
        guard let number = sockets?.number(role) else { throw HarnessError("there is no socket \(role)") }
        return number
    }
}

/// Where a packet or a connection goes: address and port as text.
struct Place: Equatable, CustomStringConvertible {
    let address: String
    let port: UInt16
    var description: String { "\(address) port \(port)" }

    init(_ address: String, _ port: UInt16) {
        self.address = address
        self.port = port
    }

    init(bytes: some Collection<UInt8>, port: UInt16) {
        var text = [CChar](repeating: 0, count: 64)
        _ = Array(bytes).withUnsafeBytes {
            inet_ntop($0.count == 4 ? AF_INET : AF_INET6, $0.baseAddress, &text, socklen_t(text.count))
        }
        self.init(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self), port)
    }

    /// getsockname(2) or getpeername(2).
    init?(of socket: Int32, peer: Bool = false) {
        guard let place = RawPlace(of: socket, peer: peer) else { return nil }
        self.init(bytes: place.address, port: place.port)
    }

    static func name(of socket: Int32, peer: Bool) -> [UInt8]? {
        var storage = [UInt8](repeating: 0, count: 128)
        var length = socklen_t(storage.count)
        let result = storage.withUnsafeMutableBytes { raw in
            let address = NetworkTrial.argument(raw)
            return peer ? getpeername(socket, address, &length) : getsockname(socket, address, &length)
        }
        return result == 0 ? storage : nil
    }
}

/// One packet of the tap.
struct Seen: Equatable, CustomStringConvertible {
    let kind: String
    let place: Place
    var description: String { "\(kind) to \(place)" }

    init(_ kind: String, _ address: String, _ port: UInt16) {
        self.kind = kind
        place = Place(address, port)
    }

    init?(_ packet: [UInt8]) {
        guard packet.count >= 28 else { return nil }
        let version4 = packet[0] >> 4 == 4
        var at = version4 ? Int(packet[0] & 15) * 4 : 40
        var next = version4 ? packet[9] : packet[6]
        if !version4 && next == 44 {
            next = packet[40]
            at = 48
        }
        kind = next == 6 ? "tcp" : next == 17 ? "udp" : "protocol \(next)"
        place = Place(
            bytes: version4 ? packet[16..<20] : packet[24..<40],
            port: UInt16(packet[at + 2]) << 8 | UInt16(packet[at + 3]))
    }
}

extension NetworkScene {
    /// The connection that waits on a listener; open as long as the scene is.
    func accepted(_ role: NetworkRole) throws -> Int32 {
        let listener = try number(role)
        guard sp_poll_one(listener, Int16(POLLIN), 20_000) > 0 else { throw HarnessError("no connection at \(role)") }
        let connection = accept(listener, __SOCKADDR_ARG(__sockaddr__: nil), nil)
        guard connection >= 0 else { throw HarnessError("accept", "a connection", errno) }
        return connections.keep(Descriptor(owning: connection))
    }

    /// Everything the tap has; packets are there before the call inside that sent them has returned.
    func seen() throws -> [Seen] {
        let tap = try number(.tap)
        var packets: [Seen] = []
        var bytes = [UInt8](repeating: 0, count: 256)
        while true {
            let got = recv(tap, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            guard got > 0, let packet = Seen(Array(bytes.prefix(got))) else { return packets }
            packets.append(packet)
        }
    }
}
