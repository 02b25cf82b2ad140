// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

/// What of the supervisor's own descriptors a workload finds: nothing.
@Suite("descriptors inside", .requires(.root))
struct CrashDescriptorTests {
    private static let listing = ["/bin/ls", "/proc/self/fd"]

    @Test("a workload has standard input, output and error, and the one it opens itself", .timeLimit(.minutes(25)))
    func standard() throws {
        let scene = try CrashScene()
        let inherited = try openForChild("/dev/null")
        defer { closeDescriptor(inherited) }
        // Control: a caller's descriptor does reach a program that nothing is closed for.
        var host = Command(Self.listing[0], [Self.listing[1]])
        host.descriptors = [7: inherited, 70: inherited]
        #expect(try host.run().lines.contains("7"))
        for options in [[], ["--workspace", scene.workspace]] {
            var command = scene.sallyport.runCommand(
                profile: "strict", options: options, record: scene.sallyport.home.at("fds.json"), Self.listing)
            command.descriptors = host.descriptors
            let run = try command.run()
            #expect(run.lines == ["0", "1", "2", "3"], "\(run.text)\(run.errorText)")
        }
    }

    @Test("the channels that were asked for are there as well, and nothing else", .timeLimit(.minutes(25)))
    func channels() throws {
        let scene = try CrashScene()
        let run = try scene.sallyport.run(
            profile: "strict",
            options: [
                "--export", "\(scene.sallyport.home.at("export")):1024", "--frames", scene.sallyport.home.at("frames"),
            ],
            Self.listing)
        #expect(run.lines == ["0", "1", "2", "3", "4", "5"], "\(run.text)\(run.errorText)")
    }
}
