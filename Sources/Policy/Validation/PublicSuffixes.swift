// SPDX-License-Identifier: Apache-2.0

/// Names below which strangers get names of their own, so that a wildcard there allows everybody.
///
/// A selection, not the whole list of publicsuffix.org; docs/decisions/2026-11-21-egress-names.md says why. What is
/// missing here costs a warning that nobody gets, never a rule that is wider than it reads.
package enum PublicSuffixes {
    /// Whether a wildcard right before this name would be wider than one owner.
    package static func contains(_ name: HostName) -> Bool {
        let labels = name.labels
        if labels.count == 1 || platforms.contains(name.text) { return true }
        guard labels.count == 2, let second = labels.first, let top = labels.last else { return false }
        if top.utf8.count == 2, general.contains(String(second)) { return true }
        return national[String(top)]?.contains(String(second)) == true
    }

    /// Second levels that nearly every country with such a scheme has.
    private static let general: Set<String> = [
        "ac", "co", "com", "edu", "gob", "gouv", "gov", "govt", "mil", "net", "org",
    ]

    /// Second levels that are registries in one country and ordinary names in others.
    private static let national: [String: Set<String>] = [
        "at": ["gv", "or"], "au": ["asn", "id"],
        "br": ["adv", "art", "blog", "eco", "eng", "ind", "jus", "leg", "med"],
        "es": ["nom"], "fr": ["asso", "nom", "prd", "tm"], "hk": ["idv"], "hu": ["info"],
        "id": ["go", "my", "or", "web"],
        "il": ["k12", "muni"], "in": ["firm", "gen", "ind", "nic", "res"], "it": ["edu"],
        "jp": ["ad", "ed", "go", "gr", "lg", "ne", "or"], "ke": ["go", "ne", "or"],
        "kr": ["go", "hs", "kg", "ms", "ne", "or", "pe", "re"],
        "nz": ["cri", "geek", "gen", "iwi", "kiwi", "maori", "school"],
        "org": ["eu"], "pl": ["info", "waw"], "ru": ["msk", "spb"], "th": ["go", "in", "mi", "or"],
        "tr": ["bel", "gen", "k12", "name", "web"], "tw": ["game", "idv"], "ua": ["in", "kiev", "kyiv", "lviv"],
        "uk": ["ltd", "me", "nhs", "plc", "police", "sch"], "za": ["law", "nom", "school", "web"],
        "com": ["br", "cn", "de", "eu", "gr", "jpn", "ru", "sa", "uk", "us", "za"],
        "net": ["gb", "hu", "in", "jp", "se", "uk"],
    ]

    /// Hosting where anybody gets a name without being asked who they are.
    static let platforms: Set<String> = [
        // Pages and functions.
        "amplifyapp.com", "appspot.com", "awsapprunner.com", "azurecontainerapps.io", "azurestaticapps.net",
        "azurewebsites.net", "bitbucket.io", "blogspot.com", "cloudapp.azure.com", "cloudapp.net", "cloudfunctions.net",
        "codeberg.page", "deno.dev", "firebaseapp.com", "fly.dev", "github.io", "githubpreview.dev",
        "githubusercontent.com", "gitlab.io", "glitch.me", "herokuapp.com", "hf.space", "myshopify.com", "netlify.app",
        "now.sh", "on.aws", "ondigitalocean.app", "onrender.com", "pages.dev", "railway.app", "readthedocs.io",
        "repl.co",
        "replit.app", "replit.dev", "run.app", "streamlit.app", "supabase.co", "surge.sh", "up.railway.app",
        "vercel.app",
        "web.app", "wordpress.com", "workers.dev",
        // Object stores.
        "amazonaws.com", "s3.amazonaws.com", "backblazeb2.com", "blob.core.windows.net", "file.core.windows.net",
        "web.core.windows.net", "core.windows.net", "digitaloceanspaces.com", "linodeobjects.com",
        "r2.cloudflarestorage.com", "r2.dev", "storage.googleapis.com", "wasabisys.com",
        // Content delivery.
        "akamaihd.net", "akamaized.net", "azureedge.net", "azurefd.net", "b-cdn.net", "cdn77.org", "cloudfront.net",
        "edgekey.net", "edgesuite.net", "fastly.net", "fastlylb.net", "trafficmanager.net", "windows.net",
        // Tunnels into somebody's own machine, and names for any address at all.
        "duckdns.org", "ddns.net", "dyndns.org", "loca.lt", "lhr.life", "nip.io", "ngrok.app", "ngrok.dev", "ngrok.io",
        "ngrok-free.app", "ngrok-free.dev", "serveo.net", "sslip.io", "traefik.me", "trycloudflare.com",
    ]
}
