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
  /// Attachments that are described, and whose bytes are the platform's; `nil` in older packages.
  package var attachments: Int?
  /// Of a hold by query: messages that are inside although nothing shows that they match; `nil` in other packages.
  package var undecided: Int?

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
  /// Of the package as it was handed out.
  package var contentBytes: Int64 = 0
  /// When the package goes; `nil`: never by itself.
  package var expiresAt: Timestamp?
  /// Why and when the package went.
  package var removal: (reason: ExportRow.Removal, at: Timestamp)?
  /// Of one that runs.
  package var progress: Progress?
  /// Whether its run died, and another can go on with it.
  package var isInterrupted = false
  /// Whether a server writes it, and goes on with it, by itself.
  package var isUnattended = false
  /// Whether the package is made, and is being packed or put in its place.
  package var isPacking = false
  /// Why a failed one did: a code of ``ExportError``, if it was one.
  package var failure: String?
  /// Of each part, where the package was cut.
  package var partBytes: Int64?

  /// How far a running export is.
  package struct Progress: Sendable, Hashable {
    package let messages: Int64
    package let expected: Int64
    /// At the rate of the newest run; `nil` until that is known.
    package let secondsLeft: Int64?

    init(_ row: ExportRow) {
      (messages, expected) = (row.messages, row.expected)
      guard let run = row.run, run.startedAt < run.beatAt, row.messages > run.startedMessages else {
        secondsLeft = nil
        return
      }
      let seconds = Double(run.beatAt.microseconds - run.startedAt.microseconds) / 1_000_000
      let rate = Double(row.messages - run.startedMessages) / seconds
      secondsLeft = Int64((Double(max(0, row.expected - row.messages)) / rate).rounded(.up))
    }
  }

  /// Whether there is a package to fetch.
  package var hasContent: Bool { state == .completed && removal == nil }

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
