//! Links, and those that hide where they lead.

/// Top-level names that a host without `http` in front must have to be read as a link.
const TOP_LEVEL: &[&str] = &[
    "com", "cn", "net", "org", "io", "ly", "gl", "me", "cc", "top", "vip", "xyz", "club", "tw", "hk", "uk",
    "us", "app", "link", "info", "co", "im", "la", "example", "test", "gd", "ink", "site", "online", "shop",
    "icu", "au", "in", "sg", "gov", "pw", "mobi", "biz",
];

/// Services that make long links short.
const SHORTENERS: &[&str] = &[
    "bit.ly",
    "bitly.com",
    "tinyurl.com",
    "t.cn",
    "dwz.cn",
    "url.cn",
    "suo.im",
    "suo.nz",
    "reurl.cc",
    "goo.gl",
    "ow.ly",
    "is.gd",
    "v.gd",
    "t.co",
    "rb.gy",
    "cutt.ly",
    "shorturl.at",
    "tiny.cc",
    "lihi.cc",
    "lihi1.com",
    "ppt.cc",
    "pse.is",
    "s.id",
    "t.ly",
    "rebrand.ly",
    "buff.ly",
    "soo.gd",
    "clck.ru",
    "mrw.so",
    "dwz.mk",
    "sourl.cn",
    "t.hk",
    "6du.in",
    "s.yam.com",
    "maac.io",
    "smarturl.it",
    "qr.ae",
    "adf.ly",
    "bl.ink",
    "short.io",
    "u.nu",
    "x.gd",
    "risu.io",
    "3.ly",
    "0rz.tw",
    "myppt.cc",
    "reurl.com",
    "shope.ee",
    "tb.cn",
    "m.tb.cn",
    "c.tb.cn",
    "985.so",
    "ft12.com",
    "r6d.cn",
    "rrd.me",
    "w.url.cn",
    "t.im",
    "dlvr.it",
    "wa.link",
];

/// Whether a folded token is a link.
pub(super) fn is_link(token: &str) -> bool {
    if token.starts_with("http") && token.contains("://") || token.starts_with("www.") {
        return true;
    }
    if token.contains('@') {
        return false;
    }
    let host = host(token);
    let Some((name, top)) = host.rsplit_once('.') else {
        return false;
    };
    TOP_LEVEL.contains(&top) && !name.is_empty() && name.bytes().any(|b| b.is_ascii_lowercase())
        || SHORTENERS.contains(&host)
}

/// Whether a link hides where it leads.
pub(super) fn is_shortened(token: &str) -> bool {
    SHORTENERS.contains(&host(token))
}

fn host(token: &str) -> &str {
    let bare = token.split_once("://").map_or(token, |(_, rest)| rest);
    let bare = bare.strip_prefix("www.").unwrap_or(bare);
    bare.split(['/', ':']).next().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_told_from_other_words() {
        let check = |token: &str, link: bool, short: bool| {
            assert_eq!((is_link(token), is_shortened(token)), (link, short), "{token}");
        };
        check("https://pay.example/x", true, false);
        check("bit.ly/abc", true, true);
        check("http://t.cn/a6x", true, true);
        check("bank.example", true, false);
        check("joe@bank.example", false, false);
        check("3.50", false, false);
        check("e.g", false, false);
    }
}
