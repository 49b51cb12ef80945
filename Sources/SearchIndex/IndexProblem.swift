import Xapian

/// Damage found by ``SearchIndex/check()``.
package struct IndexProblem: Hashable, Sendable, CustomStringConvertible {
  package enum Kind: String, Sendable {
    /// The shard cannot be opened at all.
    case unreadable
    case structure
    case recordBroken = "record_broken"
    case recordMissing = "record_missing"
    case recordOfAnother = "record_of_another"
    case documentMissing = "document_missing"
    case positionMissing = "position_missing"
    /// A file of a sealed generation is not what its manifest says.
    case fileChanged = "file_changed"
  }

  package let group: Int
  package let kind: Kind
  package let count: Int
  /// The sequence of the first document at fault, where there is one.
  package let first: Int64?

  package var nextStep: String { "run `muniment index rebuild`" }

  package var description: String {
    let place = first.map { ", first at document \($0)" } ?? ""
    return "search index group \(group): \(what) (\(count)\(place))"
  }

  private var what: String {
    switch kind {
    case .unreadable: "cannot be opened"
    case .structure: "errors in the database's structure"
    case .recordBroken: "sidecar records with a wrong checksum"
    case .recordMissing: "documents without a sidecar record"
    case .recordOfAnother: "sidecar records that belong to another document"
    case .documentMissing: "sidecar records without a document"
    case .positionMissing: "no position inside the database"
    case .fileChanged: "files of a sealed generation that are not what was written"
    }
  }
}

extension IndexProblem {
  init(_ problem: XapianProblem, group: Int) {
    let kind: Kind =
      switch problem.kind {
      case .structure: .structure
      case .recordBroken: .recordBroken
      case .recordMissing: .recordMissing
      case .recordOfAnother: .recordOfAnother
      case .documentMissing: .documentMissing
      case .positionMissing: .positionMissing
      }
    self.init(group: group, kind: kind, count: problem.count, first: problem.first)
  }
}
