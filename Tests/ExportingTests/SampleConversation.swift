import Archive
import Foundation
import Model

@testable import Catalog
@testable import Exporting
@testable import History

extension Sample {
  /// One of everything: an edit, a deletion, reactions, a thread, a sealed body, attachments, other scripts.
  static var conversation: [ExportedMessage] {
    let later = start.adding(seconds: 90)
    return [
      message(1, body: .plain("Good morning, 日本 & <everybody>\nFrom here on: =SUM(A1)"), full: true),
      message(
        2, body: .plain("frist"), at: start.adding(seconds: 1),
        changes: [
          change(.edit, at: later, body: .plain("first")), change(.reaction, at: later, name: "👍"),
          change(.reaction, at: later, removedAt: later.adding(seconds: 1), name: "+1"),
        ]),
      message(
        3, body: .plain("said too much"), at: start.adding(seconds: 2),
        changes: [change(.deletion, at: later)]),
      message(
        4,
        body: .sealed(
          SealedBody(ciphertext: (0..<200).map { UInt8($0) }, keyID: "k-1", wrappedKeys: ["phone": [1, 2]])),
        at: start.adding(seconds: 86_400)),
      message(5, body: .plain("مرحبا بكم"), at: start.adding(seconds: 86_401), state: .restricted),
    ]
  }
}

/// What is inside of ZIP files.
enum SampleZip {
  static func text(_ path: String, inBase64: Bool = false) throws -> String {
    let reader = try ZipReader([path])
    var text = ""
    while try reader.next() != nil {
      var content: [UInt8] = []
      while case let piece = try reader.read(upTo: 65_536), !piece.isEmpty { content += piece }
      text += String(decoding: content, as: UTF8.self)
      if inBase64 { text += "\n" + Data(content).base64EncodedString() }
    }
    return text
  }

  /// The base64 part of a mail whose name is `rsmf.zip`.
  static func attachment(_ mail: String) -> Data? {
    guard let start = mail.range(of: "filename=\"rsmf.zip\"\r\n\r\n") else { return nil }
    let rest = mail[start.upperBound...]
    guard let end = rest.range(of: "--=_") else { return nil }
    return Data(base64Encoded: String(rest[..<end.lowerBound]).replacing("\r\n", with: ""))
  }
}
