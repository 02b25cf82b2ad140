// SPDX-License-Identifier: Apache-2.0
package import Documents

/// A resolved profile: everything a sandbox may do, every default written out.
package struct Profile: Sendable, Hashable {
    package var name: String
    package var reason: String
    /// `host`, or the name of a recipe.
    package var rootfs: String
    package var filesystem: FilesystemPolicy
    package var syscalls: SyscallPolicy
    package var environment: EnvironmentPolicy
    package var landlock: LandlockRequirement
    package var limits: Limits
    package var egress: EgressPolicy
    /// What the profile's own file asserts of it; decides nothing.
    package var tests: [Assertion] = []
    /// Where each key and list item was written, by the key's path as in ``show()``.
    package var origins: [String: Place]

    /// Gives the text of a profile by name; also says which file it was, for messages.
    package typealias Source = (String) throws(PolicyError) -> (file: String, bytes: [UInt8])

    /// Loads a profile with all it extends, and refuses one with a rule that cannot hold.
    ///
    /// The source decides what a name may be: a shipped profile, an operator's, or a file given on the command line.
    /// Names under `extends` are always plain names.
    ///
    /// - Throws: ``PolicyError`` for the first flaw, with its line.
    package static func load(name: String, source: Source) throws(PolicyError) -> Profile {
        let profile = try resolve(name: name, source: source)
        try profile.refuseLintErrors()
        return profile
    }

    /// Loads and merges without judging: what `profile show` and ``lint()`` work on.
    package static func resolve(name: String, source: Source) throws(PolicyError) -> Profile {
        var merge = ProfileMerge()
        try merge.add(name: name, source: source)
        return try merge.profile(name: name)
    }

    /// What a profile is for, and whether it is only a part: with no root file system it is there to be extended.
    package static func summary(name: String, source: Source) throws(PolicyError) -> (reason: String, isPart: Bool) {
        var merge = ProfileMerge()
        try merge.add(name: name, source: source)
        let document = try merge.document(name: name)
        if document.rootfs == nil { return (document.reason.value, true) }
        return (try document.resolved(name: name).reason, false)
    }

    func refuseLintErrors() throws(PolicyError) {
        guard let finding = lint().first(where: { $0.severity == .error }) else { return }
        throw PolicyError(finding.message, at: finding.place, remedy: finding.remedy)
    }
}
