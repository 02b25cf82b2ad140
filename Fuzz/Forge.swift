// SPDX-License-Identifier: Apache-2.0
internal import Brokers
internal import Documents
internal import Egress

private let commit = String(repeating: "a", count: 40)

private let site: ForgeSite = {
    let text = """
        {"version": 1, "repository": "o/n", "answers": [{"path": "", "body": {"x": 1}},
         {"path": "/issues/3", "body": {"x": 2}}, {"path": "/issues/3/comments", "body": [1, 2, 3]}],
         "proposals": {"open_pull": {"head": "h", "base": "b"}, "update_pull": {"number": 5},
         "review": {"number": 5, "commit": "\(commit)"}, "status": true}}
        """
    guard let site = try? ForgeSite(Array(text.utf8)) else { stop("does not hold: a view") }
    return site
}()

private let targets = [
    "POST /repos/o/n/pulls", "PATCH /repos/o/n/pulls/5", "POST /repos/o/n/pulls/5/reviews",
    "POST /repos/o/n/statuses/\(commit)",
]

/// A body; the first byte of the input chooses the route, and 255 that the rest is a head, 254 that it is a view.
func fuzzForgeRequest(_ input: [UInt8]) {
    let (choice, bytes) = headAndRest(input)
    if choice == 255 { return fuzzRoute(bytes) }
    if choice == 254 {
        do throws(ForgeSite.Flaw) { _ = try ForgeSite(bytes) } catch { hold(!error.reason.isEmpty, "a flaw says why") }
        return
    }
    var reader = RequestHeadReader()
    let line = targets[Int(choice) % targets.count]
    guard case .head(let head) = reader.append(Array("\(line) HTTP/1.1\r\nHost: forge.internal\r\n\r\n".utf8).span),
        let route = try? ForgeRoute(head, at: site)
    else { stop("does not hold: \(line) is a route") }
    do throws(ForgeRefusal) {
        let proposal = try ForgeProposal(route, bytes, at: site)
        let kinds = ["open_pull", "update_pull", "review", "status"]
        hold(proposal.json["do"]?.stringValue == kinds[Int(choice) % targets.count], "a proposal of its route")
        let written = JSONWriter().write(proposal.json)
        hold(!written.contains(0x0A), "a proposal is one line")
        // What is escaped in a line can have been shorter.
        hold(written.count <= bytes.count * 6 + 200, "nothing is added")
        hold((try? JSONParser.parse(written)) == proposal.json, "a proposal is read again as itself")
    } catch { told(error) }
}

private func fuzzRoute(_ bytes: [UInt8]) {
    var reader = RequestHeadReader()
    guard case .head(let head) = reader.append(bytes.span) else { return }
    do throws(ForgeRefusal) {
        let route = try ForgeRoute(head, at: site)
        hold(head.host.name == "forge.internal" && head.host.port == 80, "for this host")
        let path = head.target.prefix { $0 != "?" }
        hold(!path.contains("%") && !path.contains("..") && !path.contains("//"), "one spelling: \(path)")
        hold(route.isProposal == (head.method != "GET"), "only GET reads")
        hold(["GET", "POST", "PATCH"].contains(head.method), "no other method")
    } catch { told(error) }
}

private func told(_ error: ForgeRefusal) {
    hold(error.status.rawValue >= 400 && !error.reason.isEmpty && !error.remedy.isEmpty, "a refusal says why")
    let text = JSONWriter().write(error.json)
    hold(text.count < 2000 && text.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a refusal is one short line")
    hold((try? JSONParser.parse(text)) != nil, "a refusal is JSON")
}
