// SPDX-License-Identifier: Apache-2.0
internal import Brokers
internal import Documents
internal import Egress
internal import Policy

private let upstream: ModelOrigin = {
    guard let origin = try? ModelOrigin("https://index.example/simple") else { stop("does not hold: an origin") }
    return origin
}()

private let package: PackageName = {
    guard let name = PackageName("acme-tool") else { stop("does not hold: a name") }
    return name
}()

/// A page of an index, or a request of a session; the first byte chooses: 0 the JSON form, 1 the HTML form, 2 a reference, 3 a
/// head, 4 a name or a pattern.
func fuzzPackages(_ input: [UInt8]) {
    let (choice, bytes) = headAndRest(input)
    switch choice % 5 {
    case 0: fuzzPage(bytes) { (bytes, place) throws(SimplePage.Flaw) in try SimplePage(json: bytes, at: place) }
    case 1: fuzzPage(bytes) { (bytes, place) throws(SimplePage.Flaw) in try SimplePage(html: bytes, at: place) }
    case 2: fuzzReference(bytes)
    case 3: fuzzPackageRequest(bytes)
    default: fuzzNames(String(decoding: bytes, as: UTF8.self))
    }
}

private func fuzzPage(
    _ bytes: [UInt8], _ read: ([UInt8], PackageLocation) throws(SimplePage.Flaw) -> SimplePage
) {
    do throws(SimplePage.Flaw) {
        let page = try read(bytes, PackageLocation(package, at: upstream))
        let (shown, hidden) = page.shown(
            by: .init(origins: [upstream], minimumAgeDays: 7, wheelsOnly: true), at: 2_000_000_000)
        hold(shown.files.count + hidden.count == page.files.count, "each file is shown or counted")
        for file in shown.files {
            hold(file.location.origin == upstream.root, "only from its own host: \(file.location)")
            hold(file.isWheel && file.uploaded ?? .max <= 2_000_000_000 - 7 * 86_400, "only what the rules let through")
        }
        for file in page.files {
            hold(isPlainPath(file.location.path), "a path that can be sent: \(file.location.path)")
        }
        let written = JSONWriter().write(page.json(of: package))
        hold((try? JSONParser.parse(written)) != nil, "what is written is JSON")
        // The same anchors with the same names, whatever stood in the texts between: nothing of a page becomes a tag.
        let again = try SimplePage(html: page.html(of: package), at: PackageLocation(package, at: upstream))
        hold(again.files.count + again.unusable == page.files.count, "as many anchors as files")
    } catch { hold(!error.reason.isEmpty, "a flaw says why") }
}

private func isPlainPath(_ path: String) -> Bool {
    path.hasPrefix("/") && path.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x23 && $0 != 0x22 && $0 != 0x3C }
}

private func fuzzReference(_ bytes: [UInt8]) {
    let place = PackageLocation(package, at: upstream)
    guard let found = place.resolving(String(decoding: bytes, as: UTF8.self)) else { return }
    hold(isPlainPath(found.path), "a path that can be sent: \(found.path)")
    let way = found.path.prefix { $0 != "?" }
    hold(!way.split(separator: "/").contains { $0 == "." || $0 == ".." }, "no dots are left: \(way)")
    hold(found.origin.path.isEmpty, "an origin has no path")
    // One that begins with two slashes would name a host.
    hold(found.path.hasPrefix("//") || found.resolving(found.path) == found, "a path counts from its own host")
    hold(found.appending(".metadata").path.contains(".metadata"), "what lies beside it")
}

private func fuzzPackageRequest(_ bytes: [UInt8]) {
    var reader = RequestHeadReader()
    guard case .head(let head) = reader.append(bytes.span) else { return }
    do throws(PackageRefusal) {
        let route = try PackageRoute(head)
        hold(head.method == "GET" || head.method == "HEAD", "only what reads")
        hold(head.host.name == PackageRoute.host && head.host.port == 80, "for this host")
        hold(PackageName(route.package.text) == route.package, "a name in its one form")
        if case .file(_, let file) = route { hold(!file.contains("/") && !file.hasPrefix("."), "a file: \(file)") }
    } catch {
        hold(error.status.rawValue >= 400 && !error.reason.isEmpty && !error.remedy.isEmpty, "a refusal says why")
        hold((try? JSONParser.parse(JSONWriter().write(error.json))) != nil, "a refusal is JSON")
    }
}

private func fuzzNames(_ text: String) {
    if let name = PackageName(text) {
        hold(PackageName(name.text) == name && PackagePattern(name.text)?.matches(name) == true, "one form: \(name)")
    }
    guard let pattern = PackagePattern(text) else { return }
    hold(pattern.description == text, "a pattern is written in one way: \(text)")
}
