// SPDX-License-Identifier: Apache-2.0

/// A value behind a colon or an equals sign: the password of an address, or what a name beside it calls a secret.
enum NamedValue {
    private static let names: [[UInt8]] = [
        "password", "passwd", "passphrase", "secret", "token", "apikey", "api_key", "api-key", "accesskey",
        "access_key",
        "access-key", "privatekey", "private_key", "private-key", "credential", "authkey", "auth_key", "authorization",
        "bearer",
    ].map { Array($0.utf8) }
    private static let longestName = 64
    private static let value = 12...512

    /// - Parameter position: Of the sign.
    static func match(_ bytes: [UInt8], _ position: Int) -> SecretMatch? {
        if let match = address(bytes, position) { return match }
        guard isSecretName(bytes, before: position), let range = text(bytes, after: position),
            value.contains(range.count), isDrawn(bytes[range])
        else { return nil }
        return SecretMatch(kind: "value named as a secret", confidence: .likely, range: range)
    }

    private static func isSecretName(_ bytes: [UInt8], before position: Int) -> Bool {
        var end = position
        while end > 0, position - end < 8, [0x20, 0x09, 0x22, 0x27, 0x5D].contains(bytes[end - 1]) { end -= 1 }
        var start = end
        while start > 0, end - start < longestName,
            SecretScanner.isWord(bytes[start - 1]) || bytes[start - 1] == UInt8(ascii: "-")
        { start -= 1 }
        let name = bytes[start..<end].map { (0x41...0x5A).contains($0) ? $0 + 32 : $0 }
        guard name.count >= 5 else { return false }
        return names.contains { word in
            name.count >= word.count && (0...(name.count - word.count)).contains { name[$0...].starts(with: word) }
        }
    }

    /// The value in quotes, or up to a blank.
    private static func text(_ bytes: [UInt8], after position: Int) -> Range<Int>? {
        var start = position + 1
        // `:=`, `=>`, a scheme such as Bearer, and blanks.
        while start < bytes.count, start - position < 12, [0x20, 0x09, 0x3D, 0x3E].contains(bytes[start]) { start += 1 }
        for scheme in ["Bearer ", "Basic ", "token "] where bytes[min(start, bytes.count)...].starts(with: scheme.utf8)
        {
            start += scheme.utf8.count
        }
        guard start < bytes.count else { return nil }
        let quote: UInt8? = [0x22, 0x27, 0x60].contains(bytes[start]) ? bytes[start] : nil
        if quote != nil { start += 1 }
        var end = start
        while end < bytes.count, end - start <= value.upperBound, isValueByte(bytes[end], quote) { end += 1 }
        return end > start ? start..<end : nil
    }

    private static func isValueByte(_ byte: UInt8, _ quote: UInt8?) -> Bool {
        if let quote { return byte != quote && (0x21...0x7E).contains(byte) }
        return (0x21...0x7E).contains(byte)
            && ![0x22, 0x27, 0x60, 0x2C, 0x3B, 0x28, 0x29, 0x5B, 0x5D, 0x7B, 0x7D].contains(byte)
    }

    /// Letters and digits mixed, in disorder, and no path, call or name of a variable.
    private static func isDrawn(_ text: ArraySlice<UInt8>) -> Bool {
        let digits = text.count { (0x30...0x39).contains($0) }
        let letters = text.count { (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
        guard digits >= 2, letters >= 4, !text.contains(UInt8(ascii: "(")), !Disorder.isPlaceholder(text) else {
            return false
        }
        return Disorder.bits(text) >= 3.3
    }

    /// An address with a user and a password before its host: the sign is the colon before the password.
    private static func address(_ bytes: [UInt8], _ position: Int) -> SecretMatch? {
        guard bytes[position] == UInt8(ascii: ":") else { return nil }
        var start = position
        while start > 0, position - start < 128, !stops.contains(bytes[start - 1]), bytes[start - 1] > 0x20,
            bytes[start - 1] != bytes[position]
        { start -= 1 }
        guard start >= 3, bytes[(start - 3)..<start].elementsEqual("://".utf8) else { return nil }
        var end = position + 1
        while end < bytes.count, end - position < 256, !stops.contains(bytes[end]), bytes[end] > 0x20 { end += 1 }
        guard end < bytes.count, bytes[end] == UInt8(ascii: "@"), end - position > 4 else { return nil }
        let password = bytes[(position + 1)..<end]
        guard !Disorder.isPlaceholder(password), !password.contains(UInt8(ascii: "$")) else { return nil }
        let isDrawn = password.count >= 8 && Disorder.bits(password) >= 2.8
        return SecretMatch(
            kind: "password in an address", confidence: isDrawn ? .certain : .likely, range: (position + 1)..<end)
    }

    private static let stops = Set("/@\"'`<>(){}[],;\\".utf8)
}
