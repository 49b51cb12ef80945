import Foundation
import Model
import Sodium

@testable import Catalog
@testable import Exporting
@testable import History

/// Strings that broke somebody's exporter once.
let hostileStrings = [
  "", " ", "plain", "\"quoted\" and \\back\\slash\\", "line\nbreak\r\nand\ttab",
  "\u{0}\u{1}\u{8}\u{B}\u{C}\u{1F}\u{7F}",
  "C1 \u{85}\u{9F}", "line separators \u{2028}\u{2029}", "<script>alert('1')</script>",
  "</title></style><img src=x onerror=alert(1)>",
  "]]>--><!--", "&amp; &lt; &#39;", "=cmd|' /C calc'!A0", "../../etc/passwd", "..\\..\\windows", "CON",
  ".hidden",
  "\u{202E}gnp.exe\u{202C}", "\u{2066}isolate\u{2069}", "e\u{301} and é", "日本語と中文と한국어", "עברית و عربي",
  "👩‍👩‍👧‍👦🏳️‍🌈", "\u{FFFD}\u{FFFE}\u{10FFFF}", String(repeating: "長", count: 300),
  String(repeating: "a\"", count: 5_000),
]

enum Sample {
  static let start = Timestamp(rfc3339: "2026-01-31T23:59:59.123456Z")!
  static let card = ConversationCard(
    conversation: ConversationID(rawValue: 7), route: RouteKey(rawValue: 3),
    profile: ConversationProfile(id: "c-1", name: "General <b>\"&\u{202E}"), kind: .channel, isPublic: true,
    clientSealed: false, retentionDays: 90, closedAt: start.adding(seconds: 90 * 86_400))
  static let ann = SubjectProfile(id: "ann", displayName: "Ann <Author>", email: "ann@example.org")
  static let bob = SubjectProfile(id: "bob")
  static let people = [SubjectID(rawValue: 1): ann, SubjectID(rawValue: 2): bob]

  static func message(
    _ number: Int64, body: MessageBody, at: Timestamp = start, state: Locator.State = .live,
    changes: [HistoricChange] = [], full: Bool = false
  ) -> ExportedMessage {
    var payload = MessagePayload(messageID: "m-\(number)", body: body)
    if full {
      payload.replyTo = "m-0"
      payload.threadID = "t\"1"
      payload.clientMessageID = "k-1"
      payload.mentions = ["bob", "é"]
      payload.attachments = [
        Attachment(
          id: "a-1", name: "../../x\u{0}", mimeType: "image/png", size: 12, sha256: "00ff",
          url: "javascript:x"),
        Attachment(id: "a-2"),
      ]
      payload.tokens = TokenSet(
        mode: .plain, generation: 3, set: [Array("naïve".utf8)], sequence: [Array("a\"b".utf8)],
        flags: ["link"])
    }
    let message = HistoricMessage(
      locator: Locator(
        key: MessageKey(high: 1, low: number), tenant: TenantID(rawValue: 1), route: card.route,
        conversation: card.conversation, sender: SubjectID(rawValue: 1),
        position: MessagePosition(createdAt: at, sequence: number), state: state),
      tier: .hot, original: payload, changes: changes)
    return ExportedMessage(message: message, sender: ann, people: people)
  }

  static func change(
    _ kind: AmendmentRow.Kind, at: Timestamp, removedAt: Timestamp? = nil, body: MessageBody? = nil,
    name: String? = nil
  ) -> HistoricChange {
    HistoricChange(
      kind: kind, author: SubjectID(rawValue: 2), version: 5, at: at, removedAt: removedAt,
      payload: body.map { MessagePayload(messageID: "m-1", body: $0) }, name: name)
  }

  static var member: ExportedMember {
    ExportedMember(
      row: MembershipRow(
        subject: SubjectID(rawValue: 2), joinedAt: start, visibleFrom: .earliest,
        leftAt: start.adding(seconds: 60), role: "owner"), profile: bob)
  }

  static func temporaryDirectory() -> String {
    "/tmp/muniment-export-" + Randomness.bytes(8).hex
  }

  static func signer(_ byte: UInt8 = 7) throws -> SigningKey {
    try SigningKey(seed: SecretBytes([UInt8](repeating: byte, count: 32)))
  }

  /// Makes a package without a database and returns its path.
  static func package(in directory: String) async throws -> String {
    let path = directory + "/package"
    let draft = try PackageDraft(destination: path, export: 42)
    let formats: [any PackageFormat] = [try JSONLinesFormat(draft), try await HTMLFormat(draft)]
    var counts = ExportCounts()
    for format in formats {
      try await format.begin(card)
      try await format.add([member])
      for number in 1...3 {
        try await format.add(
          message(
            Int64(number), body: .plain("text \(number)"), at: start.adding(seconds: Int64(number) * 86_400)))
      }
      try await format.end()
      try await format.finish()
    }
    (counts.conversations, counts.messages, counts.people) = (1, 3, 2)
    try await draft.write(Array(draft.warnings.text.utf8), to: "warnings.txt", listed: true)
    let manifest = Manifest(
      exportID: ExportID.text(42), tenant: "default", selection: Manifest.Selection(), madeAt: start.rfc3339,
      complete: true, counts: counts, files: draft.log.files)
    let hash = try await draft.seal(manifest, by: try signer())
    let custody = try Custody(
      exportID: ExportID.text(42), manifestSHA256: hash.hex, auditLog: "example.org/log",
      events: [Custody.Event(action: "export.created", by: "Zoë", at: start.rfc3339, auditIndex: 9)]
    ).signed(by: signer())
    try PackageDraft.deliver(draft.temporary, custody: try custody.bytes, to: path)
    return path
  }
}
