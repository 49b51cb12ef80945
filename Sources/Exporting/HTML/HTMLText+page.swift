/// The frame of every page: no scripts, nothing loaded from anywhere, light or dark as the reader's system, and
/// fit for paper. No language is claimed, so that the reader's system picks the forms of Han characters.
extension HTMLText {
  /// - Parameter part: of what the page's title names; it stays where it is whatever the direction of the name.
  mutating func pageStart(_ title: String, part: String? = nil, up: (href: String, label: String)?) {
    raw("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\">")
    raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
    raw(
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    )
    raw("<meta name=\"referrer\" content=\"no-referrer\"><title>")
    text(part.map { title + ", " + $0 } ?? title)
    raw("</title><style>\(Self.style)</style></head>\n<body>\n")
    if let up {
      raw("<nav>")
      link(up.href, up.label)
      raw("</nav>\n")
    }
    raw("<h1 dir=\"auto\">")
    if let part {
      name(title)
      text(", " + part)
    } else {
      text(title)
    }
    raw("</h1>\n")
  }

  mutating func pageEnd() { raw("</body></html>\n") }

  mutating func link(_ href: String, _ label: String) {
    raw("<a href=\"")
    reference(href)
    raw("\">")
    name(label)
    raw("</a>")
  }

  /// A name in the midst of other text: its marks of direction end with it.
  mutating func name(_ name: String) {
    raw("<bdi>")
    text(name)
    raw("</bdi>")
  }

  mutating func time(_ rfc3339: String) {
    raw("<time datetime=\"")
    text(rfc3339)
    raw("\">")
    text(rfc3339.replacing("T", with: " ").replacing("Z", with: " UTC"))
    raw("</time>")
  }

  private static let style = """
    :root{color-scheme:light dark;--ink:#1a1a1a;--paper:#fff;--soft:#666;--line:#ddd;--note:#f6f3e8}
    @media (prefers-color-scheme:dark){:root{--ink:#e6e6e6;--paper:#161616;--soft:#9a9a9a;--line:#333;--note:#2a2820}}
    body{margin:2rem auto;max-width:48rem;padding:0 1rem;background:var(--paper);color:var(--ink);line-height:1.5;
    font-family:system-ui,"Noto Sans","Noto Sans CJK SC","Noto Sans CJK TC","Noto Sans CJK JP","Noto Sans CJK KR",
    "Noto Sans Arabic","Noto Sans Hebrew","Noto Sans Devanagari",sans-serif,"Noto Color Emoji"}
    a{color:inherit}h1{font-size:1.4rem}h1,h2,.body{overflow-wrap:anywhere}
    article{border-top:1px solid var(--line);padding:.5rem 0;break-inside:avoid}
    article header,.soft,time{color:var(--soft);font-size:.875rem}article header b{color:var(--ink)}
    .body{white-space:pre-wrap;unicode-bidi:isolate;margin:.25rem 0}
    .sealed,.note{background:var(--note);padding:.25rem .5rem;overflow-wrap:anywhere}
    table{border-collapse:collapse;width:100%}td,th{text-align:start;padding:.25rem .5rem;
    border-top:1px solid var(--line);overflow-wrap:anywhere}
    @media print{:root{--ink:#000;--paper:#fff;--soft:#444;--line:#bbb;--note:#fff}body{margin:0;max-width:none}
    nav{display:none}a{text-decoration:none}details>*{display:block}}
    """
}
