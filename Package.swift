// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
    // The headers of CLinux need the GNU names of libc in every importer.
    .unsafeFlags(["-Xcc", "-D_GNU_SOURCE"]),
]
let cStrict: [CSetting] = [
    .define("_GNU_SOURCE"),
    .unsafeFlags(["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-O2", "-fno-strict-aliasing"]),
]
// Programs that run inside the sandbox as static, libc-free files: they need nothing of the rootfs.
let freestanding: [CSetting] = [
    .define("_GNU_SOURCE"),
    .unsafeFlags([
        "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-O2", "-ffreestanding", "-fno-builtin", "-fno-pic",
        "-fno-stack-protector", "-fno-strict-aliasing",
    ]),
]
let freestandingLink: [LinkerSetting] = [
    .unsafeFlags([
        "-static-executable", "-nostartfiles", "-Xclang-linker", "-nostdlib", "-Xclang-linker", "-static",
        "-Xlinker", "--gc-sections", "-Xlinker", "-z", "-Xlinker", "noexecstack",
    ])
]
// One static file: 0.95 ms to main against 2.1 ms with shared C libraries (design.md 10). Written instead of mapped, it lies
// in the page cache in larger pieces: 40 page faults fewer and 5 % off a start.
let staticExecutable: [LinkerSetting] = [
    .unsafeFlags(["-static-executable", "-use-ld=lld", "-Xlinker", "--no-mmap-output-file"])
]
let staticLibrary: [LinkerSetting] = [.unsafeFlags(["-static-stdlib"])]

let package = Package(
    name: "sallyport",
    targets: [
        // C: what runs between clone and exec, and nothing else.
        .target(name: "CChildPath", exclude: ["undefined-symbols.allow"], cSettings: cStrict),
        // C: constants, ioctls and raw system calls that Swift cannot import.
        .target(name: "CLinux", cSettings: cStrict),
        // Module maps of system libraries.
        .systemLibrary(name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CCap", pkgConfig: "libcap", providers: [.apt(["libcap-dev"])]),
        .systemLibrary(name: "CGit2", pkgConfig: "libgit2", providers: [.apt(["libgit2-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CNettle", pkgConfig: "nettle", providers: [.apt(["nettle-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CHogweed", pkgConfig: "hogweed", providers: [.apt(["nettle-dev"])]),
        .systemLibrary(name: "CCares", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-gnutls-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        // Typed, owned system calls.
        .target(name: "LinuxSystem", dependencies: ["CLinux", "CCap", "CNettle"], swiftSettings: strict),
        // YAML with positions in, JSON out.
        .target(name: "Documents", dependencies: ["CYAML"], swiftSettings: strict),
        // What looks like a credential in any bytes: found, and blanked.
        .target(name: "Secrets", swiftSettings: strict),
        // Profiles as pure values: decode, merge, validate, explain.
        .target(name: "Policy", dependencies: ["Documents"], swiftSettings: strict),
        // Messages between processes, each side treating the other as hostile.
        .target(name: "Wire", dependencies: ["Documents"], swiftSettings: strict),
        // What may reach a person's terminal from inside a sandbox.
        .target(name: "Terminal", swiftSettings: strict),
        // Decides and relays what leaves a session, by name, and records each decision.
        .target(
            name: "Egress", dependencies: ["CCares", "CLinux", "LinuxSystem", "Documents", "Policy", "Wire"],
            swiftSettings: strict),
        // Tasks as pure values: types, work items, criteria, findings, outcomes, prompts.
        .target(name: "TaskModel", dependencies: ["Documents"], swiftSettings: strict),
        // Blueprints as pure values: decode, steps and their order, precedence, the gate at submission.
        .target(
            name: "Blueprints", dependencies: ["Documents", "Secrets", "Policy", "TaskModel"], swiftSettings: strict),
        // Policy to launch plan; start and teardown of one sandbox.
        .target(
            name: "Isolation", dependencies: ["LinuxSystem", "CLinux", "Policy", "CChildPath", "CSeccomp"],
            swiftSettings: strict),
        // The sealed set of changes that a session leaves: collect, show, apply.
        .target(name: "Changes", dependencies: ["LinuxSystem", "CLinux"], swiftSettings: strict),
        // One session's life, and the verbs over kept sessions.
        .target(
            name: "Supervisor",
            dependencies: [
                "Isolation", "LinuxSystem", "CLinux", "Policy", "Documents", "Wire", "Changes", "CChildPath",
            ],
            swiftSettings: strict),
        // The applied blueprints of this host, and what a repository's files say of how it is built.
        .target(
            name: "Onboarding", dependencies: ["Blueprints", "Documents", "LinuxSystem", "CLinux"],
            swiftSettings: strict),
        // Checkouts, commits, imports and diffs through libgit2.
        .target(name: "Workspace", dependencies: ["CGit2", "CZlib", "LinuxSystem", "CLinux"], swiftSettings: strict),
        // Virtual hosts that a session has instead of credentials.
        .target(
            name: "Brokers",
            dependencies: [
                "CZlib", "CCurl", "CLinux", "LinuxSystem", "Documents", "Secrets", "Policy", "Wire", "Egress",
                "Workspace",
            ],
            swiftSettings: strict),
        // Push gate, forges, evidence.
        .target(
            name: "Delivery",
            dependencies: [
                "Workspace", "Changes", "CHogweed", "CCurl", "TaskModel", "Documents", "Secrets", "LinuxSystem",
                "CLinux",
            ],
            swiftSettings: strict),
        // The only module that speaks SQL.
        .target(
            name: "Store", dependencies: ["CSQLite", "CLinux", "LinuxSystem", "Documents", "TaskModel"],
            resources: [.embedInCode("Migrations")], swiftSettings: strict),
        // Tasks from step to step, each stored before it acts; what a strategy of compute has to do.
        .target(
            name: "Orchestrator", dependencies: ["TaskModel", "Blueprints", "Store", "Documents"], swiftSettings: strict
        ),
        // Sessions on this host.
        .target(
            name: "LocalCompute",
            dependencies: ["Orchestrator", "TaskModel", "Blueprints", "Documents", "LinuxSystem", "CLinux"],
            swiftSettings: strict),
        // What goes because it is old, or because there is no room.
        .target(
            name: "Retention", dependencies: ["Orchestrator", "Store", "TaskModel", "Documents", "LinuxSystem"],
            swiftSettings: strict),
        // What can be asked of sallyportd, and the client that asks.
        .target(
            name: "Control", dependencies: ["TaskModel", "Documents", "LinuxSystem", "CLinux"], swiftSettings: strict),
        // Arguments in, text out.
        .target(name: "CLI", dependencies: ["Policy", "Wire", "Documents"], swiftSettings: strict),

        // pid 1 of every sandbox.
        .executableTarget(name: "sp-init", cSettings: freestanding, linkerSettings: freestandingLink),
        // The escape probes of `doctor --attack` and of the privileged tests.
        .executableTarget(name: "sp-probe", cSettings: cStrict, linkerSettings: staticExecutable),
        // The command and the supervisor, one file.
        .executableTarget(
            name: "sallyport",
            dependencies: [
                "CLI", "Control", "TaskModel", "Blueprints", "Onboarding", "Supervisor", "Isolation", "Changes",
                "Policy",
                "Documents", "LinuxSystem", "CLinux", "Wire",
            ],
            swiftSettings: strict, linkerSettings: staticExecutable),
        // Tasks: everything that needs libgit2.
        .executableTarget(
            name: "sallyport-task",
            dependencies: [
                "CLI", "Delivery", "TaskModel", "Blueprints", "Onboarding", "Workspace", "Wire", "Policy", "Secrets",
                "Documents", "LinuxSystem", "CLinux",
            ],
            swiftSettings: strict, linkerSettings: staticLibrary),
        // The control plane of this host.
        .executableTarget(
            name: "sallyportd",
            dependencies: [
                "Control", "Orchestrator", "LocalCompute", "Retention", "Store", "TaskModel", "Blueprints", "Onboarding",
                "Documents", "LinuxSystem", "CLinux",
            ],
            swiftSettings: strict, linkerSettings: staticLibrary),
        // The only process that parses what a sandbox wrote to a terminal or a frame socket.
        .executableTarget(
            name: "sallyport-gateway", dependencies: ["Egress", "Terminal", "Wire", "LinuxSystem", "CLinux"],
            swiftSettings: strict, linkerSettings: staticExecutable),

        // What a session has instead of credentials: git.internal and llm.internal, a process for each session and host.
        .executableTarget(
            name: "sallyport-broker", dependencies: ["Brokers"], swiftSettings: strict, linkerSettings: staticLibrary),

        .target(
            name: "TestSupport", dependencies: ["Documents", "LinuxSystem", "CLinux"], path: "Tests/TestSupport",
            swiftSettings: strict),
        .testTarget(name: "SecretsTests", dependencies: ["Secrets"], swiftSettings: strict),
        .testTarget(name: "DocumentsTests", dependencies: ["Documents"], swiftSettings: strict),
        .testTarget(
            name: "PolicyTests", dependencies: ["Policy", "Documents"], exclude: ["Goldens"], swiftSettings: strict),
        .testTarget(name: "CLITests", dependencies: ["CLI", "Policy", "Documents"], swiftSettings: strict),
        .testTarget(
            name: "SupervisorTests",
            dependencies: ["Supervisor", "Isolation", "LinuxSystem", "CLinux", "Policy", "Documents", "Wire"],
            swiftSettings: strict),
        .testTarget(name: "TerminalTests", dependencies: ["Terminal"], swiftSettings: strict),
        .testTarget(name: "WireTests", dependencies: ["Wire", "Documents"], swiftSettings: strict),
        // C: starts a gateway confined as the supervisor does, step by step, so that a test can leave one out.
        .target(name: "CGatewayTesting", path: "Tests/CGatewayTesting", cSettings: cStrict),
        .testTarget(
            name: "GatewayTests", dependencies: ["Wire", "CLinux", "CSeccomp", "CGatewayTesting"],
            swiftSettings: strict),
        // C: an egress gateway that reports what it never did.
        .executableTarget(
            name: "lying-gateway", path: "Tests/LyingGateway", cSettings: cStrict, linkerSettings: staticExecutable),
        .testTarget(
            name: "EgressTests",
            dependencies: ["Egress", "CLinux", "LinuxSystem", "Policy", "Documents", "Wire"], swiftSettings: strict),
        .testTarget(
            name: "ChangesTests", dependencies: ["Changes", "LinuxSystem", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "WorkspaceTests", dependencies: ["Workspace", "LinuxSystem"], swiftSettings: strict),
        .testTarget(
            name: "BrokersTests",
            dependencies: [
                "Brokers", "Workspace", "Egress", "Wire", "Documents", "LinuxSystem", "CLinux", "TestSupport", "CZlib",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "BlueprintsTests", dependencies: ["Blueprints", "TaskModel", "Policy", "Documents"],
            swiftSettings: strict),
        .testTarget(
            name: "OnboardingTests",
            dependencies: ["Onboarding", "Blueprints", "Documents", "LinuxSystem", "TestSupport"],
            swiftSettings: strict),
        .testTarget(name: "TaskModelTests", dependencies: ["TaskModel", "Documents"], swiftSettings: strict),
        .testTarget(
            name: "DeliveryTests",
            dependencies: ["Delivery", "Workspace", "TaskModel", "Documents", "LinuxSystem", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "TaskTests",
            dependencies: [
                "TestSupport", "Delivery", "Documents", "LinuxSystem", "CLinux", "TaskModel", "Orchestrator", "Store",
            ],
            swiftSettings: strict),
        // A store and a strategy of compute for tests, and what every one of either has to do.
        .target(
            name: "OrchestratorTesting",
            dependencies: [
                "Orchestrator", "Store", "TaskModel", "Blueprints", "Documents", "LinuxSystem", "TestSupport",
            ],
            path: "Tests/OrchestratorTesting", swiftSettings: strict),
        .testTarget(
            name: "StoreTests", dependencies: ["Store", "TaskModel", "OrchestratorTesting", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "OrchestratorTests",
            dependencies: ["Orchestrator", "Store", "TaskModel", "Blueprints", "Documents", "OrchestratorTesting"],
            swiftSettings: strict),
        .testTarget(
            name: "LocalComputeTests",
            dependencies: [
                "LocalCompute", "Orchestrator", "Blueprints", "TaskModel", "LinuxSystem", "CLinux",
                "OrchestratorTesting", "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "RetentionTests",
            dependencies: [
                "Retention", "Orchestrator", "Store", "TaskModel", "Documents", "OrchestratorTesting", "TestSupport",
            ], swiftSettings: strict),
        // The loop of the built-in agent, as Runner/ compiles it into sallyport-runner: here for its tests only.
        .target(
            name: "BuiltinAgent", path: "Runner/Sources/sallyport-runner/BuiltinAgent", swiftSettings: strict),
        .testTarget(name: "BuiltinAgentTests", dependencies: ["BuiltinAgent", "Documents"], swiftSettings: strict),
        .testTarget(name: "ArchitectureTests", dependencies: ["TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "PrivilegedTests",
            dependencies: [
                "TestSupport", "LinuxSystem", "CLinux", "Documents", "Isolation", "Policy", "Supervisor", "Wire",
                "Workspace",
            ], swiftSettings: strict),
        .testTarget(
            name: "NetworkTests", dependencies: ["TestSupport", "Documents", "LinuxSystem", "CLinux", "Wire"],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
