import Catalog
import History
import KeyVault
import Model
import SearchIndex

/// Messages on their way to be documents. They are read as they are asked for, a portion at a time, and only what the
/// index wants of them is kept.
struct IndexReading: Sendable {
  /// By tenant, each in order.
  private var unread: [TenantID: [Locator]] = [:]
  private var steps: [MessageKey: IndexBatch.Step] = [:]

  /// A message that comes twice is read once.
  init(_ locators: [Locator]) {
    var known: Set<MessageKey> = []
    for locator in locators where known.insert(locator.key).inserted {
      if locator.state == .live {
        unread[locator.tenant, default: []].append(locator)
      } else {
        steps[locator.key] = IndexBatch.Step(locator: locator, change: .delete)
      }
    }
  }

  /// What becomes of a message. To be asked for in the order of the messages, of each once.
  mutating func step(of locator: Locator, _ indexer: Indexer) async throws -> IndexBatch.Step? {
    if steps[locator.key] == nil, let waiting = unread[locator.tenant], !waiting.isEmpty {
      let portion = try await indexer.history.portion(of: waiting, bytesMax: indexer.limits.readBytes)
      unread[locator.tenant] = portion.rest(of: waiting)
      add(portion, of: waiting, indexer)
    }
    return steps.removeValue(forKey: locator.key)
  }

  /// A message that cannot be read any more is to go.
  private mutating func add(_ portion: HistoryReader.Portion, of asked: [Locator], _ indexer: Indexer) {
    let (left, damaged) = (Set(portion.left), Set(portion.damaged))
    for locator in asked where !left.contains(locator.place) {
      let change: IndexBatch.Step.Change = damaged.contains(locator.place) ? .leave : .delete
      steps[locator.key] = IndexBatch.Step(locator: locator, change: change)
    }
    for message in portion.messages {
      let hasher = indexer.history.vault.hasher(message.locator.tenant)
      let document = IndexDocument(message, hasher: hasher)
      steps[message.locator.key] = IndexBatch.Step(locator: message.locator, change: .put(document))
    }
  }
}
