// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Glibc
internal import Policy

/// The text of a profile that may extend `strict`, and the same bytes as JSON.
func fuzzProfile(_ input: [UInt8]) {
    let first = resolve(input)
    switch first {
    case .success(let profile):
        hold(!profile.show().isEmpty, "a profile has lines to show")
        hold(resolve(input) == first, "the same text is the same profile")
        // A project's own file narrows or is refused; it is never an error of another kind.
        do throws(PolicyError) { _ = try profile.narrowed(file: "own.yaml", bytes: input) } catch { checkText(error) }
    case .failure(let error): checkText(error)
    }
    do throws(DocumentError) {
        let value = try JSON.read(input, file: "fuzz.json")
        let text = JSONWriter().write(value)
        let again = try JSON.read(text, file: "fuzz.json")
        hold(JSONWriter().write(again) == text, "JSON that was read is written and read again")
    } catch {
        hold(!error.reason.isEmpty, "an error says why")
    }
}

private func resolve(_ input: [UInt8]) -> Result<Profile, PolicyError> {
    do throws(PolicyError) {
        return .success(
            try Profile.resolve(name: "fuzz") { (name: String) throws(PolicyError) in
                switch name {
                case "fuzz": return ("fuzz.yaml", input)
                case "strict": return ("strict.yaml", strict)
                default: throw PolicyError("there is none", file: name, remedy: "Extend strict.")
                }
            })
    } catch {
        return .failure(error)
    }
}

/// A message goes to a terminal: it is one line of visible text whatever the profile holds.
private func checkText(_ error: PolicyError) {
    let text = error.description
    hold(
        !text.isEmpty && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) }, text)
}

private let strict: [UInt8] = {
    guard let file = fopen("profiles/strict.yaml", "r") else {
        stop("cannot open profiles/strict.yaml: run at the root.")
    }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = fread(&bytes, 1, bytes.count, file)
    return Array(bytes[..<count])
}()
