// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
// A package of its own: in one package with an Embedded target, --static-swift-stdlib and --sanitize=thread fail.
import Foundation
import PackageDescription

#if arch(arm64)
    let machine = "aarch64"
#else
    let machine = "x86_64"
#endif

/// Where musl-dev put its headers and its start files.
let muslHeaders = Context.environment["SALLYPORT_MUSL_INCLUDE"] ?? "/usr/include/\(machine)-linux-musl"
let muslLibraries = Context.environment["SALLYPORT_MUSL_LIB"] ?? "/usr/lib/\(machine)-linux-musl"

/// The usr directory of the toolchain whose `swift` is the first in PATH; SALLYPORT_TOOLCHAIN names another.
let toolchain: String = {
    if let named = Context.environment["SALLYPORT_TOOLCHAIN"] { return named }
    for directory in (Context.environment["PATH"] ?? "").split(separator: ":") {
        let program = URL(fileURLWithPath: "\(directory)/swift")
        guard FileManager.default.isExecutableFile(atPath: program.path) else { continue }
        return program.resolvingSymlinksInPath().deletingLastPathComponent().deletingLastPathComponent().path
    }
    return "/usr"
}()
let unicode = "\(toolchain)/lib/swift/embedded/\(machine)-unknown-linux-gnu/libswiftUnicodeDataTables.a"

/// Static, without glibc: the program runs in any rootfs, an empty one included.
let link = [
    "-Xclang-linker", "-nostdlib", "-Xclang-linker", "-static", "-Xlinker", "--gc-sections", "-Xlinker", "-s",
    "-Xlinker", "-z", "-Xlinker", "noexecstack", "-Xlinker", "\(muslLibraries)/crt1.o",
    "-Xlinker", "\(muslLibraries)/crti.o", "-L\(muslLibraries)", "-Xlinker", "\(muslLibraries)/libc.a",
    "-Xlinker", unicode, "-Xlinker", "\(muslLibraries)/libc.a", "-Xlinker", "\(muslLibraries)/crtn.o",
]

let package = Package(
    name: "runner",
    targets: [
        // C: what Embedded Swift cannot call itself. Compiled with the headers of the libc it is linked with.
        .target(
            name: "CRunner",
            cSettings: [
                .define("_GNU_SOURCE"),
                .unsafeFlags([
                    "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-O2", "-fno-stack-protector", "-nostdlibinc",
                    "-isystem",
                    muslHeaders,
                ]),
            ]),
        // The program that does a task's work inside the sandbox.
        .executableTarget(
            name: "sallyport-runner", dependencies: ["CRunner"],
            swiftSettings: [
                .enableExperimentalFeature("Embedded"), .enableUpcomingFeature("InternalImportsByDefault"),
                .treatAllWarnings(as: .error),
                .unsafeFlags(["-wmo", "-Osize", "-parse-as-library", "-Xfrontend", "-function-sections"]),
            ],
            linkerSettings: [.unsafeFlags(link)]),
    ],
    swiftLanguageModes: [.v6]
)
