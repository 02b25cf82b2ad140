// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import CLI
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Onboarding
internal import Policy
internal import Supervisor

/// A blueprint file of the command line, held against everything of this host that it depends on.
struct CheckedBlueprint {
    let file: String
    let text: String
    /// Nil when the file itself is none.
    let blueprint: Blueprint?
    /// Errors first.
    let flaws: [BlueprintFlaw]

    var isValid: Bool { blueprint != nil && !flaws.contains { $0.severity == .error } }
}

/// Reads blueprint files as the operator gives them.
struct BlueprintFiles {
    let context: Context
    let ceiling: HostCeiling

    init(_ context: Context) throws {
        self.context = context
        ceiling = try HostCeiling.ofThisHost()
    }

    /// Files, and of directories all that end in .yaml, by name.
    func check(_ words: [String]) throws -> [CheckedBlueprint] {
        var paths: [String] = []
        for word in words {
            var information = stat()
            guard stat(word, &information) == 0, information.st_mode & S_IFMT == S_IFDIR else {
                paths.append(word)
                continue
            }
            let names = try Directory.open(word).names().map { String(decoding: $0, as: UTF8.self) }
            let found = names.filter { $0.hasSuffix(".yaml") && !$0.hasPrefix(".") }
            guard !found.isEmpty else { throw UsageError("there is no .yaml file in \(word.displayed)") }
            paths += found.map { "\(word)/\($0)" }
        }
        let checked = try paths.map { try check($0) }
        var files: [RepositoryName: String] = [:]
        for one in checked {
            guard let repo = one.blueprint?.repo else { continue }
            if let other = files.updateValue(one.file, forKey: repo) {
                throw UsageError("\(other.displayed) and \(one.file.displayed) are both for \(repo): keep one")
            }
        }
        return checked
    }

    func check(_ path: String) throws -> CheckedBlueprint {
        let file = try TrustedFile.open(path, what: "blueprint ")
        let bytes = try file.readAll(limit: 262_144, subject: "\"\(path)\"")
        let text = String(decoding: bytes, as: UTF8.self)
        do throws(BlueprintRefusal) {
            let blueprint = try Blueprint.read(bytes, file: path)
            return CheckedBlueprint(file: path, text: text, blueprint: blueprint, flaws: flaws(of: blueprint))
        } catch {
            return CheckedBlueprint(file: path, text: text, blueprint: nil, flaws: error.flaws)
        }
    }

    /// What is wrong with a blueprint on this host: profiles that are not there, or allow less; the ceiling; programs.
    func flaws(of blueprint: Blueprint) -> [BlueprintFlaw] {
        var flaws = ceiling.excesses(of: blueprint)
        do throws(BlueprintFlaw) { _ = try profile(of: blueprint) } catch { flaws.append(error) }
        for step in blueprint.pipeline.customSteps {
            do throws(PolicyError) { _ = try context.profiles.load(step.profile) } catch {
                flaws.append(
                    BlueprintFlaw(
                        at: blueprint.place, "profile of custom step \"\(step.name)\": \(error.message)",
                        remedy: error.remedy))
            }
            guard case .program(let path, _) = step.work else { continue }
            do throws(SystemError) { try StepProgram.check(path) } catch {
                flaws.append(
                    BlueprintFlaw(
                        .warning, at: blueprint.place,
                        "custom step \"\(step.name)\" cannot run: \(error.explanationLine)",
                        remedy: error.remedy ?? "Install it before a task comes."))
            }
        }
        return flaws + blueprint.warnings
    }

    /// The profile that the sandboxes of a task get.
    func profile(of blueprint: Blueprint) throws(BlueprintFlaw) -> Profile {
        let base: Profile
        do throws(PolicyError) {
            base = try context.profiles.load(blueprint.profile).expandingRegistries(context.registries.expand)
        } catch {
            throw BlueprintFlaw(
                at: Place(file: error.file, line: error.line), "profile \"\(blueprint.profile)\": \(error.message)",
                remedy: error.remedy)
        }
        return try blueprint.narrowed(base, expand: context.registries.expand)
    }
}

/// The program of a custom step: a file of the host that decides what a task may become.
enum StepProgram {
    static func check(_ path: String) throws(SystemError) {
        let file = try TrustedFile.open(path, what: "program ", followsLinks: true)
        let status = try FileStatus.of(file, subject: "\"\(path)\"")
        guard status.permissions & 0o005 == 0o005 else {
            throw SystemError(
                "run", "program \"\(path)\"", .accessDenied,
                remedy: "A sandbox has ids of its own: run chmod o+rx on it.")
        }
    }
}
