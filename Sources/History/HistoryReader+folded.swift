import Catalog
package import Model

extension AmendmentRow {
  var foldedID: FoldedEdit.ID { FoldedEdit.ID(version: version, at: at) }
}

extension StoredMessage {
  /// As it was sent, without what compaction put beside it.
  package var original: MessagePayload {
    get throws(MalformedBytes) {
      var original = try MessagePayload(bytes: payload)
      original.folded = []
      return original
    }
  }
}

extension HistoryReader {
  typealias Contents = [MessageKey: [FoldedEdit.ID: [UInt8]]]

  /// The contents of edits that lie in segments. A compaction may have moved one there after its message was read from
  /// the segment before: the message is read again then, from where it is now.
  func unfolded(_ rows: [TieredMessage], _ facts: Facts) async throws -> (
    rows: [TieredMessage], facts: Facts, contents: Contents
  ) {
    guard facts.amendments.contains(where: \.isFolded) else { return (rows, facts, [:]) }
    var rows = rows
    for _ in 0..<Self.readingsMax {
      let contents = try Self.contents(rows, facts)
      let missing = Self.missing(contents, facts, of: rows)
      if missing.isEmpty { return (rows, facts, contents) }
      try await readAgain(missing, facts, &rows)
    }
    throw MalformedBytes("segment without an edit that the catalogue says it has")
  }

  /// Compactions of one period that may come between two looks.
  static let readingsMax = 3

  private static func contents(_ rows: [TieredMessage], _ facts: Facts) throws -> Contents {
    let folded = Set(facts.amendments.filter(\.isFolded).map(\.key))
    var contents: Contents = [:]
    for row in rows where folded.contains(row.message.key) {
      for edit in try MessagePayload(bytes: row.message.payload).folded {
        contents[row.message.key, default: [:]][edit.id] = edit.sealed
      }
    }
    return contents
  }

  /// The messages whose edits were not found. What is not in the archive has none there: a copy that was kept of an
  /// erased person's message has its author's changes with it.
  private static func missing(_ contents: Contents, _ facts: Facts, of rows: [TieredMessage]) -> Set<
    MessageKey
  > {
    let archived = Set(rows.filter { $0.tier == .cold }.map(\.message.key))
    return Set(
      facts.amendments.filter {
        $0.isFolded && archived.contains($0.key) && contents[$0.key]?[$0.foldedID] == nil
      }.map(\.key))
  }

  private func readAgain(_ keys: Set<MessageKey>, _ facts: Facts, _ rows: inout [TieredMessage]) async throws
  {
    let places = keys.compactMap { facts.locators[$0]?.place }
    for (conversation, places) in Dictionary(grouping: places, by: \.conversation) {
      for row in try await cold(places, conversation).rows {
        guard let index = rows.firstIndex(where: { $0.message.key == row.message.key }) else { continue }
        rows[index] = row
      }
    }
  }
}
