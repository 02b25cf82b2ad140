// SPDX-License-Identifier: Apache-2.0
import Documents
import Testing

@Suite("base64")
struct Base64Tests {
    static let pairs = [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ]

    @Test("the vectors of RFC 4648 go both ways", arguments: pairs)
    func vectors(_ pair: (bytes: String, text: String)) {
        #expect(Base64.encode(pair.bytes.utf8) == Array(pair.text.utf8))
        #expect(Base64.decode(pair.text.utf8) == Array(pair.bytes.utf8))
    }

    @Test("every byte value goes there and back")
    func allBytes() {
        let bytes = (0..<256).map { UInt8($0) }
        #expect(Base64.decode(Base64.encode(bytes)) == bytes)
    }

    @Test(
        "there is no second text for the same bytes",
        arguments: [
            "Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Zg======", "====", "Zg==\n", " Zg==", "Zm 9", "Zm9v=", "=Zm9",
            "Z===", "Zm9_", "Zg==A", "A",
        ])
    func strict(_ text: String) {
        #expect(Base64.decode(text.utf8) == nil)
    }
}
