import Model
import SearchIndex

/// Answers queries by looking at every document: the oracle.
struct BruteForce: Sendable {
  /// By group and sequence.
  private(set) var documents: [Int: [Int64: IndexDocument]] = [:]

  mutating func apply(_ operations: [IndexOperation], group: Int) {
    for operation in operations {
      switch operation {
      case .put(let document): documents[group, default: [:]][document.sequence] = document
      case .delete(let sequence): documents[group, default: [:]][sequence] = nil
      }
    }
  }

  /// All matches, newest first.
  func matches(_ query: IndexQuery) -> [(position: MessagePosition, group: Int)] {
    var found: [(position: MessagePosition, group: Int)] = []
    for (group, members) in documents {
      for document in members.values where query.allows(document) {
        let matches = query.clauses.contains { clause in
          (clause.conversation.map { $0 == document.conversation } ?? true) && clause.tree.matches(document)
        }
        guard matches || query.clauses.isEmpty else { continue }
        found.append((MessagePosition(createdAt: document.createdAt, sequence: document.sequence), group))
      }
    }
    return found.sorted { $0.position != $1.position ? $0.position > $1.position : $0.group > $1.group }
  }
}

extension IndexQuery {
  fileprivate func allows(_ document: IndexDocument) -> Bool {
    let time = document.createdAt
    switch scope {
    case .everything(let term): guard document.terms.contains(term) else { return false }
    case .windows(let all):
      let windows = all.byConversation
      guard
        windows[document.conversation, default: []].contains(where: { $0.from <= time && time < $0.until })
      else {
        return false
      }
    }
    return (from.map { $0 <= time } ?? true) && (until.map { time < $0 } ?? true)
      && (conversations.map { $0.contains(document.conversation) } ?? true)
      && (senders.map { $0.contains(document.sender) } ?? true)
      && required.allSatisfy(document.terms.contains)
  }
}

extension TermTree {
  fileprivate func matches(_ document: IndexDocument) -> Bool {
    switch self {
    case .term(let term): return document.has(term)
    case .phrase(let words): return words.count == 1 ? document.has(words[0]) : document.hasPhrase(words)
    case .near(let words, let within):
      return words.count == 1 ? document.has(words[0]) : document.hasNear(words, within)
    case .prefix(let prefix):
      return document.all.contains { $0.starts(with: prefix) }
    case .all(let trees): return trees.allSatisfy { $0.matches(document) }
    case .any(let trees): return trees.contains { $0.matches(document) }
    case .not(let tree): return !tree.matches(document)
    case .everything: return true
    }
  }
}

extension IndexDocument {
  fileprivate var all: [[UInt8]] { terms + positioned }
  fileprivate func has(_ term: [UInt8]) -> Bool { terms.contains(term) || positioned.contains(term) }

  fileprivate func hasPhrase(_ words: [[UInt8]]) -> Bool {
    positioned.indices.contains { start in positioned[start...].starts(with: words) }
  }

  /// For two different words.
  fileprivate func hasNear(_ words: [[UInt8]], _ within: Int) -> Bool {
    positioned.indices.contains { left in
      positioned[left] == words[0]
        && positioned.indices.contains { right in positioned[right] == words[1] && abs(left - right) <= within
        }
    }
  }
}
