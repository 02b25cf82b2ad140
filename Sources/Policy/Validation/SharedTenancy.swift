// SPDX-License-Identifier: Apache-2.0

/// Hosts that many people write to: allowing one allows sending data to all of them (threats E16, E23).
///
/// A rule for such a host is legal, since tasks need some of them; lint says what it means.
package enum SharedTenancy: CaseIterable, Sendable {
    case objectStore, contentDelivery, paste, forge, forwarder, resolver, webhook, anyAddress

    /// What a rule about the host gives away, as the end of "is ...".
    package var words: String {
        switch self {
        case .objectStore: "an object store: anybody's bucket answers there, to reads and to uploads"
        case .contentDelivery: "shared content delivery: whose site answers is decided inside TLS, unseen"
        case .paste: "a place to leave text and files for strangers"
        case .forge: "a forge: with a credential of its own a task can write there"
        case .forwarder: "a forwarder: it fetches any other site for whoever asks"
        case .resolver: "a resolver over HTTPS: questions about any name leave through it"
        case .webhook: "a relay that hands requests to strangers"
        case .anyAddress: "a service whose names lead to any address at all"
        }
    }

    /// The kind of a name; nil for a name that is none of these as far as known.
    package static func kind(of name: HostName) -> SharedTenancy? {
        if let kind = exact[name.text] { return kind }
        // s3.eu-west-1.amazonaws.com and its dual-stack and dashed spellings; a bucket's own name is one tenant's.
        if name.text.hasSuffix(".amazonaws.com"), let first = name.labels.first,
            first == "s3" || first.hasPrefix("s3-")
        {
            return .objectStore
        }
        var parent = name.parent
        while let suffix = parent {
            if let kind = below[suffix.text] { return kind }
            parent = suffix.parent
        }
        return nil
    }

    /// What a wildcard takes in beside its owner's own names; nil when nothing of that is known.
    package static func within(_ pattern: HostPattern) -> (name: String, kind: SharedTenancy)? {
        guard pattern.isWildcard else { return nil }
        let known = exact.map { ($0.key, $0.value) } + below.map { ($0.key, $0.value) }
        return known.filter { name, _ in HostName(name).map { pattern.matches($0) } ?? false }
            .min { $0.0 < $1.0 }.map { (name: $0.0, kind: $0.1) }
    }

    private static func table(_ kinds: [SharedTenancy: [String]]) -> [String: SharedTenancy] {
        var table: [String: SharedTenancy] = [:]
        for (kind, names) in kinds { for name in names { table[name] = kind } }
        return table
    }

    private static let exact = table([
        .objectStore: [
            "storage.googleapis.com", "storage.cloud.google.com", "content-storage.googleapis.com", "s3.wasabisys.com",
        ],
        .contentDelivery: ["cdn.jsdelivr.net", "cdnjs.cloudflare.com", "cdn.statically.io", "rawcdn.githack.com"],
        .paste: [
            "0x0.st", "anonfiles.com", "bashupload.com", "catbox.moe", "controlc.com", "dpaste.com", "dpaste.org",
            "file.io",
            "gist.github.com", "gist.githubusercontent.com", "gofile.io", "hastebin.com", "ix.io",
            "litterbox.catbox.moe",
            "paste.debian.net", "paste.ee", "paste.rs", "pastebin.com", "rentry.co", "sprunge.us", "temp.sh",
            "termbin.com",
            "tmpfiles.org", "transfer.sh", "wetransfer.com",
        ],
        .forge: [
            "api.github.com", "bitbucket.org", "codeberg.org", "git.sr.ht", "github.com", "gitlab.com",
            "huggingface.co",
            "raw.githubusercontent.com", "sourceforge.net", "uploads.github.com",
        ],
        .forwarder: [
            "allorigins.win", "api.allorigins.win", "archive.ph", "corsproxy.io", "cors-anywhere.herokuapp.com",
            "r.jina.ai", "translate.google.com", "web.archive.org", "webcache.googleusercontent.com",
        ],
        .resolver: [
            "1dot1dot1dot1.cloudflare-dns.com", "chrome.cloudflare-dns.com", "cloudflare-dns.com",
            "dns.adguard-dns.com",
            "dns.adguard.com", "dns.alidns.com", "dns.google", "dns.google.com", "dns.nextdns.io", "dns.quad9.net",
            "dns.sb", "dns10.quad9.net", "dns11.quad9.net", "dns9.quad9.net", "doh.cleanbrowsing.org",
            "doh.familyshield.opendns.com", "doh.li", "doh.opendns.com", "doh.pub", "family.cloudflare-dns.com",
            "freedns.controld.com", "mozilla.cloudflare-dns.com", "one.one.one.one", "security.cloudflare-dns.com",
        ],
        .webhook: [
            "api.telegram.org", "canarytokens.com", "canarytokens.org", "discord.com", "discordapp.com",
            "hooks.slack.com", "hooks.zapier.com", "httpbin.org", "maker.ifttt.com", "mockbin.org", "ntfy.sh",
            "postb.in", "ptsv2.com", "webhook.site",
        ],
    ])

    private static let below = table([
        .forwarder: [
            "lhr.life", "loca.lt", "ngrok-free.app", "ngrok-free.dev", "ngrok.app", "ngrok.dev", "ngrok.io",
            "serveo.net",
            "translate.goog", "trycloudflare.com",
        ],
        .webhook: [
            "beeceptor.com", "burpcollaborator.net", "hkdk.events", "interact.sh", "oast.fun", "oast.live", "oast.me",
            "oast.online", "oast.pro", "oast.site", "oastify.com", "pipedream.net", "requestbin.com",
            "requestcatcher.com",
            "requestrepo.com",
        ],
        .anyAddress: ["localtest.me", "lvh.me", "nip.io", "sslip.io", "traefik.me", "xip.io"],
    ])
}
