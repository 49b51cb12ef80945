import ArgumentParser
import Catalog
import Model
import Runtime
import Search
import SearchIndex
import Sodium

extension IndexCommand {
  struct StatusOfIndex: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "status",
      abstract: "Position, lag, documents, generations and the last check of each group; gaps of each tenant."
    )
    @OptionGroup var common: CommonOptions
    @Flag(help: "Also print a hash over all documents and terms, to compare two indexes.")
    var fingerprint = false

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let coverage = try await application.indexer.coverage().map(TenantRow.init)
        for status in try await application.indexer.status() {
          let isReadable = fingerprint && status.position != nil
          let row = Row(
            status, coverage.filter { $0.group == status.group },
            isReadable ? try await application.index.fingerprint(group: status.group).hex : nil)
          try common.output.value(row, text: row.text)
        }
        if !common.json { common.output.note(TenantRow.text(of: coverage)) }
      }
    }
  }
}

private struct Generation: Encodable {
  let kind: String
  let documents: Int
  let tombstones: Int
  let bytes: Int64?
  let oldest: String?
  let newest: String?

  var text: String {
    var text = "  \(kind): documents \(documents), deleted but still in files \(tombstones)"
    if let bytes { text += ", bytes \(bytes)" }
    if let oldest, let newest { text += ", from \(oldest) to \(newest)" }
    return text
  }
}

private struct LastCheck: Encodable {
  let at: String
  let differences: Int
  let healed: Int
  let damage: String?
}

private struct Row: Encodable {
  let group: Int
  let position: Int64?
  let head: Int64
  let lag: Int64
  let lagSeconds: Int64
  let documents: Int
  let quarantined: Int
  let isRebuilding: Bool
  let generations: [Generation]
  let lastCheck: LastCheck?
  let tenants: [TenantRow]
  let fingerprint: String?

  enum CodingKeys: String, CodingKey {
    case group, position, head, lag, documents, quarantined, generations, tenants, fingerprint
    case lagSeconds = "lag_seconds"
    case isRebuilding = "rebuilding"
    case lastCheck = "last_check"
  }

  init(_ status: IndexGroupStatus, _ tenants: [TenantRow], _ fingerprint: String?) {
    group = status.group
    position = status.position
    head = status.head
    lag = status.lag
    lagSeconds = status.lagSeconds
    documents = status.documents
    quarantined = status.quarantined
    isRebuilding = status.isRebuilding
    generations = status.generations.enumerated().map { place, generation in
      Generation(
        kind: generation.kind.rawValue, documents: generation.documents, tombstones: generation.tombstones,
        bytes: status.bytes.isEmpty ? nil : status.bytes[place], oldest: generation.times?.lowerBound.rfc3339,
        newest: generation.times?.upperBound.rfc3339)
    }
    lastCheck = status.check.map {
      LastCheck(at: $0.checkedAt.rfc3339, differences: $0.differences, healed: $0.healed, damage: $0.damage)
    }
    self.tenants = tenants
    self.fingerprint = fingerprint
  }

  var text: String {
    var lines = [
      "group \(group): position \(position.map { String($0) } ?? "unreadable"), lag \(lag) (\(lagSeconds) s), "
        + "documents \(documents), refused \(quarantined)" + (isRebuilding ? ", rebuilding" : "")
        + (fingerprint.map { ", fingerprint \($0)" } ?? "")
    ]
    lines += generations.map(\.text)
    if let lastCheck {
      lines.append(
        "  checked \(lastCheck.at): "
          + (lastCheck.damage ?? "sound, differences \(lastCheck.differences), healed \(lastCheck.healed)"))
    }
    return lines.joined(separator: "\n")
  }
}
