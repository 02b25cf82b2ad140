// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Testing

@testable import Changes

/// Random trees: what a session made of one, collected and applied, is what the session saw.
@Suite("collect and apply against a model")
struct ModelTests {
    private indirect enum Node: Equatable {
        case file(String, UInt32)
        case link(String)
        case directory([String: Node])
    }

    @Test("a random change of a random tree arrives whole", arguments: 0..<60)
    func arrives(_ seed: Int) throws {
        var random = Seeded(state: UInt64(seed))
        let s = try Scratch()
        let before = Self.tree(&random, depth: 3)
        let after = Self.changed(before, &random)
        try Self.write(before, s.lower, s)
        try Self.difference(before, after, s.upper, s)
        let set = try s.collect()
        let report = try s.apply(set)
        #expect(report.conflicts == [])
        #expect(report.left == [])
        #expect(report.withheld == [])
        let wanted = try Scratch()
        try Self.write(after, wanted.lower, wanted)
        #expect(try s.tree(s.lower) == wanted.tree(wanted.lower))
        // What is in place needs no second writing.
        #expect(try s.apply(set).applied == [])
    }

    private static let names = ["a", "b", "c", "a-b", "a.b", "é", "z z"]

    private static func node(_ random: inout Seeded, depth: Int) -> Node {
        switch Int.random(in: 0..<(depth > 0 ? 5 : 3), using: &random) {
        case 0: .link(names.randomElement(using: &random)!)
        case 1, 2:
            .file(String(Int.random(in: 0..<1000, using: &random)), Bool.random(using: &random) ? 0o644 : 0o755)
        default: tree(&random, depth: depth - 1)
        }
    }

    private static func tree(_ random: inout Seeded, depth: Int) -> Node {
        var children: [String: Node] = [:]
        for name in names where Int.random(in: 0..<3, using: &random) > 0 {
            children[name] = node(&random, depth: depth)
        }
        return .directory(children)
    }

    private static func changed(_ old: Node, _ random: inout Seeded, depth: Int = 3) -> Node {
        guard case .directory(var children) = old else { return node(&random, depth: depth) }
        for name in names {
            switch Int.random(in: 0..<8, using: &random) {
            case 0: children[name] = nil
            case 1: children[name] = node(&random, depth: depth - 1)
            case 2, 3, 4:
                if let child = children[name], case .directory = child {
                    children[name] = changed(child, &random, depth: depth - 1)
                }
            default: break
            }
        }
        return .directory(children)
    }

    private static func write(_ node: Node, _ path: String, _ s: Scratch) throws {
        switch node {
        case .file(let content, let mode): try s.file(path, content, mode: mode)
        case .link(let target): try s.link(path, target)
        case .directory(let children):
            try s.directory(path)
            for (name, child) in children { try write(child, "\(path)/\(name)", s) }
        }
    }

    /// What the overlay would have in its upper layer.
    private static func difference(_ old: Node?, _ new: Node?, _ path: String, _ s: Scratch) throws {
        if old == new { return }
        guard let new else { return try s.whiteout(path) }
        guard case .directory(let news) = new else { return try write(new, path, s) }
        try s.directory(path)
        guard case .directory(let olds)? = old else {
            if old != nil { try s.attribute(path, "user.overlay.opaque", "y") }
            for (name, child) in news { try write(child, "\(path)/\(name)", s) }
            return
        }
        for name in Swift.Set(olds.keys).union(news.keys) {
            try difference(olds[name], news[name], "\(path)/\(name)", s)
        }
    }
}
