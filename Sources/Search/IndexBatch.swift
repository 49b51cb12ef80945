import Catalog
import Model
import SearchIndex

/// What a stretch of the feed makes of one group: the newest state of every message it touches.
struct IndexBatch: Sendable {
  private(set) var operations: [IndexOperation] = []
  private(set) var bytes = 0
  private var places: [Int64: (place: Int, locator: Locator)] = [:]
  /// Not in the batch, as they cannot be read.
  private(set) var unreadable: [Locator] = []

  /// What becomes of one message.
  struct Step: Sendable {
    enum Change: Sendable {
      case put(IndexDocument)
      case delete
      /// As it cannot be read, what the index has of it stays: no reader will be shown it.
      case leave
    }
    let locator: Locator
    let change: Change
  }

  mutating func add(_ step: Step) {
    switch step.change {
    case .put(let document):
      add(.put(document), step.locator)
      bytes += document.terms.reduce(0) { $0 + $1.count } + document.positioned.reduce(0) { $0 + $1.count }
    case .delete: add(.delete(sequence: step.locator.position.sequence), step.locator)
    case .leave: unreadable.append(step.locator)
    }
  }

  /// A message that is touched again takes its own place, so that the last state counts.
  private mutating func add(_ operation: IndexOperation, _ locator: Locator) {
    let sequence = locator.position.sequence
    if let known = places[sequence] {
      operations[known.place] = operation
    } else {
      places[sequence] = (operations.count, locator)
      operations.append(operation)
    }
  }

  /// What is in the batch: in the index, or out of it, once it is applied.
  var settled: [Int64] { Array(places.keys) }

  /// Takes out what the index refuses; a version of it that is there must go.
  ///
  /// - Parameter blamed: what an attempt to apply the batch ended with.
  /// - Returns: the messages at fault with the reason; empty if none is to blame.
  mutating func refuse(_ blamed: SearchIndexError) -> [(message: Locator, code: String)] {
    var refused: [(message: Locator, code: String)] = []
    var kept: [IndexOperation] = []
    for operation in operations {
      let sequence = operation.sequence
      let error = SearchIndex.refusal(of: operation) ?? (blamed.sequence == sequence ? blamed : nil)
      guard let error, let known = places[sequence] else {
        kept.append(operation)
        continue
      }
      refused.append((known.locator, error.code.rawValue))
      let removal = IndexOperation.delete(sequence: sequence)
      if SearchIndex.refusal(of: removal) == nil { kept.append(removal) }
      places[sequence] = nil
    }
    operations = kept
    for place in operations.indices { places[operations[place].sequence]?.place = place }
    return refused
  }
}
