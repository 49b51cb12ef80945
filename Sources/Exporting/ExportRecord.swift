package import Catalog
package import Model

/// How an export is called outside: `export-` and 16 hexadecimal digits.
package enum ExportID {
  package static func text(_ number: Int64) -> String { named("export", number) }

  package static func number(_ text: String) -> Int64? {
    guard text.hasPrefix("export-"), text.utf8.count == 23 else { return nil }
    let number = UInt64(text.dropFirst(7), radix: 16).map { Int64(bitPattern: $0) }
    // Only the spelling that is given out: no sign, no capitals.
    return number.flatMap { Self.text($0) == text ? $0 : nil }
  }

  static func named(_ kind: String, _ number: Int64) -> String {
    let digits = String(UInt64(bitPattern: number), radix: 16)
    return kind + "-" + String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// What is inside a package, and what could not be put in.
package struct ExportCounts: Sendable, Hashable, Codable {
  package var conversations = 0
  package var messages = 0
  /// Messages only the members' devices can open; they go out as ciphertext.
  package var sealed = 0
  /// Messages kept for a hold only.
  package var restricted = 0
  package var people = 0
  /// Selected, but not readable any more: their authors' keys are destroyed.
  package var unreadable = 0
  /// Stretches of the archive that could not be read.
  package var gaps = 0

  package init() {}
}

/// An export as `list` and `show` give it.
package struct ExportRecord: Sendable {
  /// `export-` and 16 hexadecimal digits.
  package let id: String
  package let tenant: TenantID
  package let state: ExportRow.State
  package let formats: [String]
  /// `nil` once a withdrawn package is deleted.
  package let path: String?
  /// Who made it.
  package let actor: String?
  package let counts: ExportCounts
  /// SHA-256 of `manifest.json`.
  package let manifestHash: [UInt8]?
  /// The entry of the audit log that states it.
  package let auditIndex: Int64?
  package let insideHome: Bool
  package let createdAt: Timestamp
  package let finishedAt: Timestamp?

  /// Whether everything that was selected is inside.
  package var isComplete: Bool { state == .completed && counts.unreadable == 0 && counts.gaps == 0 }
}

/// What an export would take in.
package struct ExportEstimate: Sendable, Hashable {
  package struct Conversation: Sendable, Hashable {
    package let conversation: ConversationID
    package var messages = 0
    package var restricted = 0
    package var sealed = 0
  }
  package var conversations: [Conversation] = []
  package var messages: Int { conversations.reduce(0) { $0 + $1.messages } }
  /// Of ``messages``: kept for a hold only.
  package var restricted: Int { conversations.reduce(0) { $0 + $1.restricted } }
  /// Of ``messages``: in conversations whose clients seal what they send.
  package var sealed: Int { conversations.reduce(0) { $0 + $1.sealed } }
}

/// How far a running export is.
package struct ExportProgress: Sendable, Hashable {
  package var conversations = 0
  package var messages = 0
  /// As counted at the start.
  package var expected = 0
}
