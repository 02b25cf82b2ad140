// SPDX-License-Identifier: Apache-2.0
internal import Workspace

/// What an agent left: the first byte of the input chooses the reader.
func fuzzLeft(_ input: [UInt8]) {
    let (choice, bytes) = headAndRest(input)
    switch choice % 6 {
    case 0: fuzzIgnore(bytes)
    case 1: fuzzReferences(bytes)
    case 2: fuzzCommit(bytes)
    case 3: fuzzTree(bytes)
    case 4: fuzzDelta(bytes)
    default: fuzzIndex(bytes)
    }
}

/// A base of 256 different bytes, and a difference from it.
private func fuzzDelta(_ bytes: [UInt8]) {
    guard let delta = ObjectDelta(bytes) else { return }
    let base = [UInt8](0...255)
    guard let result = delta.apply(to: base) else { return }
    hold(delta.sourceSize == base.count && result.count == delta.resultSize, "the sizes are those that were said")
    hold(delta.apply(to: base.dropLast()) == nil, "it fits no other base")
}

/// What an index has is found, and nothing of it lies outside of what a place can be.
private func fuzzIndex(_ bytes: [UInt8]) {
    guard let index = PackIndex(bytes) else { return }
    hold(bytes.count >= 1072 + index.count * 28, "it has a row for each")
    for row in 0..<min(index.count, 8) {
        let name = Array(bytes[(1032 + row * 20)..<(1052 + row * 20)])
        // An index need not be sorted; what is found lies where a file can be read.
        if let place = index.offset(of: name) { hold(place >= 0, "a place is a number") }
    }
}

/// A pattern up to the first NUL, and a path behind it.
private func fuzzIgnore(_ bytes: [UInt8]) {
    let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
    let path = (parts.count > 1 ? parts[1] : []).split(separator: 0x2F).map { Array($0) }
    if let pattern = IgnorePattern(line: parts[0]), !pattern.isNegative, parts[0].count < IgnorePattern.longest {
        let opposite = IgnorePattern(line: [0x21] + parts[0])
        hold(opposite?.isNegative == true, "an exclamation mark turns a pattern round")
        for isDirectory in [false, true] {
            let verdict = pattern.matches(path, isDirectory: isDirectory)
            hold(verdict == opposite?.matches(path, isDirectory: isDirectory), "and changes nothing else")
            let rules = IgnoreRules().adding(Array(parts[0].filter { $0 != 0x0A }), depth: 0)
            if !parts[0].contains(0x0A), !parts[0].starts(with: [0xEF, 0xBB, 0xBF]), !path.isEmpty {
                hold(rules.ignore(path, isDirectory: isDirectory) == verdict, "one rule decides as its pattern does")
            }
        }
    }
    guard let name = path.first, !name.contains(0x0A), !name.contains(0x0D), name.count * 2 <= IgnorePattern.longest
    else { return }
    let literal = IgnorePattern(line: name.flatMap { [0x5C, $0] })
    hold(literal?.matches([name], isDirectory: false) == true, "a name with every byte escaped matches itself")
    hold(literal?.matches([name + [0x78]], isDirectory: false) == false, "and nothing longer")
}

private func fuzzReferences(_ bytes: [UInt8]) {
    if let list = ReferenceText.packed(bytes, most: 100) {
        var again: [UInt8] = []
        for reference in list { again += Array("\(reference.id) ".utf8) + reference.name + [0x0A] }
        hold(ReferenceText.packed(again, most: 100) == list, "what is read is read again")
        for reference in list where ReferenceName.flaw(reference.name) == nil {
            let name = String(decoding: reference.name, as: UTF8.self)
            hold(name.hasPrefix("refs/") && !name.contains("..") && !name.contains("//"), "a plain name: \(name)")
            hold(reference.name.allSatisfy { (0x21...0x7E).contains($0) }, "a printable name")
        }
    }
    switch ReferenceText.head(bytes) {
    case .reference(let name): hold(!name.isEmpty && !name.contains(0x0A) && !name.contains(0), "one line")
    case .commit(let id): hold(ReferenceText.loose(Array("\(id)\n".utf8)) == id, "what is read is read again")
    case nil: break
    }
    if let pointer = LargeFilePointer(bytes) { hold(pointer.sha256.utf8.count == 64, "a digest is whole") }
}

private func fuzzCommit(_ bytes: [UInt8]) {
    guard let text = CommitText(bytes) else { return }
    hold(bytes.suffix(text.message.count).elementsEqual(text.message), "the message is the end of the object")
    for field in [text.author.name, text.author.email, text.committer.name, text.committer.email] {
        hold(!field.contains(0x0A) && !field.contains(0), "a field is a part of one line")
    }
    hold(!text.author.email.contains(0x3C) && !text.author.email.contains(0x3E), "one address")
    hold(text.author.text.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "it can be shown")
}

private func fuzzTree(_ bytes: [UInt8]) {
    let tree = TreeContent(bytes)
    guard let entries = tree.entries() else {
        hold(tree.flaw() != nil, "what is no tree is refused")
        return
    }
    guard tree.flaw() == nil else { return }
    hold(Set(entries.map(\.name)).count == entries.count, "no name twice")
    for entry in entries {
        hold(TreeEntryRule.flaw(name: entry.name, mode: entry.mode) == nil, "every entry is fine")
        hold(!TreeEntryRule.isDotGit(entry.name), "no repository's own directory")
    }
    let again = TreeContent(TreeContent.encoded(entries))
    hold(
        again.flaw() == nil && Set(again.entries()?.map(\.name) ?? []) == Set(entries.map(\.name)),
        "written, it is read")
}
