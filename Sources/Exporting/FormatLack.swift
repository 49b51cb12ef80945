import Catalog
import History
import Model

/// What some formats have no room for; a package with such a message says so.
enum FormatLack: Hashable, CaseIterable {
  case ciphertext, wrappedKeys, reactions

  static func of(_ message: HistoricMessage) -> [FormatLack] {
    let bodies =
      [message.original.body] + message.changes.compactMap { $0.kind == .edit ? $0.payload?.body : nil }
    let sealed = bodies.compactMap(\.sealed)
    var lacks: [FormatLack] = sealed.isEmpty ? [] : [.ciphertext]
    if sealed.contains(where: { !$0.wrappedKeys.isEmpty }) { lacks.append(.wrappedKeys) }
    if message.changes.contains(where: { $0.kind == .reaction }) { lacks.append(.reactions) }
    return lacks
  }

  /// Those without it.
  var formats: Set<ExportFormat> {
    switch self {
    case .ciphertext: [.html]
    case .wrappedKeys: [.html, .csv, .actiance]
    case .reactions: [.actiance, .globalrelay]
    }
  }

  var words: String {
    switch self {
    case .ciphertext: "ciphertext of sealed bodies; jsonl has it"
    case .wrappedKeys: "keys of sealed bodies that are wrapped for devices; jsonl has them"
    case .reactions: "reactions; jsonl has them"
    }
  }
}
