import Catalog
import Foundation
import Model
import Testing

@testable import Exporting
@testable import History

@Suite struct HTMLTests {
  private func html(_ build: (inout HTMLText) -> Void) -> String {
    var html = HTMLText()
    build(&html)
    return String(decoding: html.bytes, as: UTF8.self)
  }

  @Test("nothing that people wrote becomes markup", arguments: hostileStrings)
  func escaping(text: String) {
    let escaped = html { $0.text(text) }
    #expect(!escaped.contains { "<>\"'".contains($0) })
    #expect(!escaped.unicodeScalars.contains { $0.value < 0x20 && !"\t\n\r".unicodeScalars.contains($0) })
    #expect(!escaped.unicodeScalars.contains { (0x7F...0x9F).contains($0.value) })
    let restored = escaped.replacing("&lt;", with: "<").replacing("&gt;", with: ">").replacing(
      "&quot;", with: "\""
    )
    .replacing("&#39;", with: "'").replacing("&amp;", with: "&")
    let kept = text.unicodeScalars.map { scalar -> Unicode.Scalar in
      switch scalar.value {
      case 0x09, 0x0A, 0x0D: scalar
      case 0..<0x20: Unicode.Scalar(0x2400 + scalar.value) ?? scalar
      case 0x7F: "\u{2421}"
      case 0x80...0x9F: "\u{FFFD}"
      default: scalar
      }
    }
    #expect(Array(restored.unicodeScalars) == kept)
  }

  @Test("a message's article holds its text once and no markup of its own", arguments: hostileStrings)
  func article(text: String) {
    let exported = Sample.message(1, body: .plain(text), full: true)
    let page = html { $0.article(exported) }
    #expect(page.components(separatedBy: "<script").count == 1)
    #expect(page.components(separatedBy: "<img").count == 1)
    #expect(page.contains("<div class=\"body\" dir=\"auto\">"))
    #expect(!page.contains("href="), "addresses of attachments are never links")
    #expect(page.hasSuffix("</article>\n"))
  }

  @Test func sealedBodiesShowTheirKeyOnly() {
    let body = SealedBody(ciphertext: [1, 2, 3], keyID: "<k>")
    let page = html { $0.article(Sample.message(1, body: .sealed(body))) }
    #expect(page.contains("sealed (key id <bdi>&lt;k&gt;</bdi>), 3 bytes"))
  }

  @Test func changesAndRestrictionAreShown() {
    let later = Sample.start.adding(seconds: 5)
    let changes = [
      Sample.change(.edit, at: later, body: .plain("second")), Sample.change(.deletion, at: later),
      Sample.change(.reaction, at: later, name: "<3"),
    ]
    let page = html {
      $0.article(Sample.message(1, body: .plain("first"), state: .restricted, changes: changes))
    }
    #expect(page.contains("kept for a legal hold only"))
    #expect(page.contains("2 versions") && page.contains("first") && page.contains("second"))
    #expect(
      page.contains("deleted by <bdi>bob</bdi>") && page.contains("<bdi>&lt;3</bdi> from <bdi>bob</bdi>"))
  }

  @Test func pagesNeedNothingFromOutside() {
    let page = html {
      $0.pageStart("a <b>", up: ("index.html", "all"))
      $0.pageEnd()
    }
    #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("<meta charset=\"utf-8\">"))
    #expect(page.contains("default-src 'none'") && page.contains("prefers-color-scheme:dark"))
    #expect(!page.contains("http://") && !page.contains("https://") && !page.contains("lang="))
    #expect(page.contains("<title>a &lt;b&gt;</title>"))
  }

  @Test func referencesAreEncoded() {
    #expect(html { $0.reference("c1-é x\"/a%b.html") } == "c1-%C3%A9%20x%22/a%25b.html")
  }

  @Test("case 19: names of files stay one safe component", arguments: hostileStrings)
  func safeName(text: String) {
    let name = SafeName.make("c000001", text)
    #expect(name.utf8.count <= SafeName.bytesMax + 8)
    #expect(name.hasPrefix("c000001"))
    #expect(!name.contains("/") && !name.contains("\\") && !name.contains("."))
    #expect(!name.unicodeScalars.contains { $0.properties.generalCategory == .format || $0.value < 0x2D })
  }

  @Test(
    "names keep what can be read",
    arguments: [
      ("General chat!", "p-General_chat"), ("日本語", "p-日本語"), ("../../x", "p-x"), ("\u{0}", "p"),
      ("---", "p----"),
    ])
  func names(text: String, expected: String) {
    #expect(SafeName.make("p", text) == expected)
  }
}
