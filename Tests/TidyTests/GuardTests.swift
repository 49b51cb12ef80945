import Testing

/// Promises that hold only as long as nobody adds a way around them.
@Suite("Guarded deletions")
struct GuardTests {
  /// What messages, and the facts that holds ask for, are stored in.
  private static let tables: Set = [
    "message", "message_locator", "amendment", "pending_change", "membership", "subject_conversation",
    "preserved_copy", "preservation", "segment", "segment_block", "hold", "hold_finding", "conversation",
    "tenant",
    "deletion_notice",
    "disposition_review", "subject_request", "retention_label", "retention_event",
  ]

  /// Every statement that can take one away, by file, and why it needs no guard or how it passes one. A new one fails
  /// until it is here: it goes through `Deletions.delete`, or says why it may not be asked.
  private static let known: [String: [(statement: String, because: String)]] = [
    "Sources/Catalog/Deletions.swift": [
      ("DELETE FROM amendment", "the guard itself"), ("UPDATE message_locator", "the guard itself"),
    ],
    "Sources/Catalog/Messages.swift": [
      (
        "DELETE FROM message",
        "removeHot, which the guard calls after asking; Tiering, of rows whose copy was verified"
      )
    ],
    "Sources/Catalog/HotCoverage.swift": [
      ("DELETE FROM message", "rows that a verified segment covers, counted in the same transaction"),
      ("DROP TABLE", "a partition whose rows segments cover; rolled back if it had others"),
    ],
    "Sources/Catalog/Partitions.swift": [("DROP TABLE", "a partition, checked to be empty")],
    "Sources/Catalog/Amendments.swift": [
      ("DELETE FROM amendment", "an erased person's changes, copied before where they are held"),
      ("DELETE FROM pending_change", "changes without a message: no rule covers them yet"),
      ("UPDATE amendment", "takes the name off a deletion that is kept"),
    ],
    "Sources/Catalog/Amendments+fold.swift": [
      ("UPDATE amendment", "content that a segment has, in the transaction that switches")
    ],
    "Sources/Catalog/Memberships.swift": [
      ("DELETE FROM membership", "an erased person's, unless a hold names them"),
      ("DELETE FROM subject_conversation", "an erased person's, unless a hold names them"),
      ("UPDATE membership", "ends a span, and moves no start"),
    ],
    "Sources/Catalog/Preservations+copies.swift": [
      ("DELETE FROM preserved_copy", "the guard's, and copies whose ground ended")
    ],
    "Sources/Catalog/Preservations.swift": [("DELETE FROM preservation", "a ground without copies")],
    "Sources/Catalog/Archive.swift": [
      ("DELETE FROM segment", "superseded by another that holds what is kept"),
      ("DELETE FROM segment_block", "superseded by another that holds what is kept"),
      ("UPDATE segment", "superseding; bytes stay until the segment is swept"),
    ],
    "Sources/Catalog/Archive+upkeep.swift": [
      ("UPDATE segment", "when it was last verified"),
      ("UPDATE segment", "that something of its period died"),
      ("UPDATE segment", "when compaction looked it through"),
    ],
    "Sources/Catalog/ErasureScopes.swift": [
      (
        "DELETE FROM amendment",
        "a person's changes to messages that no ground keeps, asked in the same transaction"
      )
    ],
    "Sources/Catalog/DeletionOutbox.swift": [
      ("DELETE FROM deletion_notice", "told, or older than they are kept: ids of what is gone already"),
      ("UPDATE deletion_notice", "marks what goes once it is told"),
    ],
    "Sources/Catalog/Reviews.swift": [("UPDATE disposition_review", "decisions, and what is left to decide")],
    "Sources/Catalog/RetentionLabels.swift": [
      ("DELETE FROM retention_label", "of messages that the guard let go, and of an erased conversation")
    ],
    "Sources/Catalog/RetentionEvents.swift": [
      (
        "DELETE FROM retention_event",
        "an erased conversation's or person's; not while something of the person is kept"
      )
    ],
    "Sources/Catalog/SubjectRequests.swift": [
      ("DELETE FROM subject_request", "a request that was never taken in"),
      ("UPDATE subject_request", "where it stands"),
    ],
    "Sources/Catalog/Holds.swift": [("UPDATE hold", "release, and when a query was last asked")],
    "Sources/Catalog/HoldFindings.swift": [
      ("DELETE FROM hold_finding", "a released hold's; one in force holds more without")
    ],
    "Sources/Catalog/Conversations.swift": [("UPDATE conversation", "closing and describing")],
    "Sources/Catalog/Tenants.swift": [("UPDATE tenant", "settings")],
  ]

  /// `DELETE FROM message` and the like in a file's code.
  private func statements(_ file: Repository.File) -> Set<String> {
    var found: Set<String> = []
    for line in file.lines where !line.drop(while: { $0 == " " }).hasPrefix("//") {
      let words = line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map(String.init)
      for index in words.indices {
        let verb = words[index]
        let rest = words[(index + 1)...].prefix(2).map { String($0) }
        switch verb {
        case "DELETE" where rest.first == "FROM" && rest.count == 2 && Self.tables.contains(rest[1]):
          found.insert("DELETE FROM \(rest[1])")
        case "UPDATE" where rest.first.map(Self.tables.contains) ?? false: found.insert("UPDATE \(rest[0])")
        case "TRUNCATE": found.insert("TRUNCATE")
        case "DROP" where rest.first == "TABLE": found.insert("DROP TABLE")
        default: break
        }
      }
    }
    return found
  }

  @Test("every statement that takes messages away is known, with the reason it may")
  func statementsAreKnown() throws {
    for file in try Repository.sources.get() where file.target != "muniment" && file.target != "Runtime" {
      let known = Set((Self.known[file.path] ?? []).map(\.statement))
      let found = statements(file)
      #expect(found.isSubset(of: known), "\(file) deletes unguarded: \(found.subtracting(known))")
      #expect(known.isSubset(of: found), "\(file) does not have any more: \(known.subtracting(found))")
    }
  }

  /// Who may delete, hide or destroy at all.
  private static let callers: [String: Set<String>] = [
    "Deletions.delete(": ["Ingestion", "Retention", "Erasure"],
    "Deletions.restrict(": ["Erasure"],
    "Deletions.hide(": ["Erasure"],
    "Messages.removeHot(": ["Catalog", "Tiering"],
    "KeyVault.destroy(": ["Erasure", "Retention"],
  ]

  @Test("deletions are called for by the flows they were made for")
  func callersAreKnown() throws {
    for (call, flows) in Self.callers {
      for file in try Repository.sources.get() where !file.places(of: call).isEmpty {
        #expect(flows.contains(file.target), "\(file) calls \(call)…)")
      }
    }
  }

  /// The twenty cases of others' bugs.
  @Test("each of the cases that others were caught by has a test that names it", arguments: 1...20)
  func casesAreNamed(number: Int) throws {
    let needle = "case \(number)"
    let named = try Repository.files("Tests", [".swift"]).contains { file in
      file.lines.contains { line in
        line.contains("\"\(needle):") || line.contains("\"\(needle) and") || line.contains("and \(needle):")
      }
    }
    #expect(named, "no test is called \"\(needle): …\"")
  }
}
