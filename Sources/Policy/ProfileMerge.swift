// SPDX-License-Identifier: Apache-2.0
import Documents

/// Merges a profile with what it extends, in the order written, the profile itself last. One that is reached on two ways
/// counts once, where it is reached first: before everything that extends it.
///
/// A scalar or a list of grants (paths, groups, variables passed) is replaced as a whole: what a file writes down is
/// all there is, and an empty list is nothing. Denials add up, and variables set merge by name: a profile cannot lose a
/// denial by extending the one that made it. Egress rules add up too: `extends: [build, registries, web]` means both,
/// and denials are among them. An empty list of them would then take nothing away, so it is refused where it stands
/// behind rules (CVE-2025-66479: an empty list that did not mean nothing).
struct ProfileMerge {
    /// Long chains are unreadable, and diamonds of diamonds double at each level.
    private static let maximumDepth = 8
    private static let maximumDocuments = 64

    private var merged: ProfileDocument?
    private var open: [String] = []
    private var loaded = 0
    private var done: Set<String> = []

    mutating func add(name: String, source: Profile.Source) throws(PolicyError) {
        let (file, bytes) = try source(name)
        let document = try ProfileDocument.decode(bytes, file: file)
        loaded += 1
        open.append(name)
        for parent in document.extends?.items ?? [] {
            try check(parent)
            // Reached a second time it would undo what its first heirs changed.
            if done.contains(parent.value) { continue }
            try add(name: parent.value, source: source)
        }
        done.insert(name)
        open.removeLast()
        if let rules = document.egressRules, rules.items.isEmpty, let first = merged?.egressRules?.items.first {
            throw PolicyError(
                "egress.rules is an empty list, which takes nothing away from the rules of \(first.place)",
                at: rules.place, remedy: "Remove it; to let nothing leave, extend no profile that has rules.")
        }
        merged = merged.map { $0.merged(with: document) } ?? document
    }

    private func check(_ parent: Sourced<String>) throws(PolicyError) {
        if open.contains(parent.value) {
            throw PolicyError(
                "extends goes in a circle: \((open + [parent.value]).joined(separator: " -> "))", at: parent.place,
                remedy: "Remove one of these.")
        }
        guard open.count < Self.maximumDepth, loaded < Self.maximumDocuments else {
            throw PolicyError(
                "extends is more than \(Self.maximumDepth) profiles deep or \(Self.maximumDocuments) in all",
                at: parent.place, remedy: "Write the keys out in fewer profiles.")
        }
    }

    func profile(name: String) throws(PolicyError) -> Profile { try document(name: name).resolved(name: name) }

    func document(name: String) throws(PolicyError) -> ProfileDocument {
        guard let merged else {
            throw PolicyError("there is no text", file: name, remedy: "Name a profile that exists.")
        }
        return merged
    }
}

extension ProfileDocument {
    /// This document with a later one laid over it.
    func merged(with later: ProfileDocument) -> ProfileDocument {
        var result = later
        result.extends = nil
        result.rootfs = later.rootfs ?? rootfs
        result.writable = later.writable ?? writable
        result.readOnly = later.readOnly ?? readOnly
        result.denyPaths = Self.union(denyPaths, later.denyPaths)
        result.workspace = later.workspace ?? workspace
        result.allowGroups = later.allowGroups ?? allowGroups
        result.denySyscalls = Self.union(denySyscalls, later.denySyscalls)
        result.pass = later.pass ?? pass
        if var variables = set {
            variables.items.removeAll { old in later.set?.items.contains { $0.value.name == old.value.name } == true }
            variables.items += later.set?.items ?? []
            result.set = variables
        }
        result.landlock = later.landlock ?? landlock
        result.limits = limits.merging(later.limits) { $1 }
        result.directIP = later.directIP ?? directIP
        result.egressRules = Self.union(egressRules, later.egressRules)
        return result
    }

    private static func union<Value>(_ first: SourcedList<Value>?, _ second: SourcedList<Value>?) -> SourcedList<Value>?
    {
        guard var result = first else { return second }
        for item in second?.items ?? [] where !result.values.contains(item.value) { result.items.append(item) }
        return result
    }
}
