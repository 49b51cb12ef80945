import Catalog
import History
import Model
import SearchTokens

/// What one line says a person is to be found by. A name that comes without tokens takes those of the name before it
/// away: they would find the person by what they are not called any more.
struct NameChange: Sendable {
  let line: Int64
  let subject: SubjectID
  let names: SubjectTokens.Names
  /// Said beside something else, as in each line of a corpus.
  let isImplied: Bool

  static func all(of items: [IngestItem], _ interned: Directory.Interned, _ directory: Directory)
    -> [NameChange]
  {
    let hasher = NameHasher(directory.hasher)
    var changes: [NameChange] = []
    var implied: [SubjectID: TokenSet?] = [:]
    for item in items {
      guard let subject = item.event.subjectID.flatMap({ interned.subjects[$0] }) else { continue }
      if case .userUpserted(let user) = item.event {
        guard let said = tokens(of: user, directory.tenant) else { continue }
        changes.append(
          NameChange(line: item.line, subject: subject, names: hasher.names(said.tokens), isImplied: false))
        implied[subject] = nil
      } else if item.senderName != nil {
        if let before = implied[subject], before == item.senderTokens { continue }
        implied[subject] = .some(item.senderTokens)
        let names = hasher.names(item.senderTokens)
        guard !directory.knows(names: names, of: subject) else { continue }
        changes.append(NameChange(line: item.line, subject: subject, names: names, isImplied: true))
      }
    }
    return changes
  }

  /// `nil`: the event says nothing of names.
  private static func tokens(of user: UserUpsert, _ tenant: Tenant) -> (tokens: TokenSet?, Void)? {
    if let tokens = user.tokens { return (tokens, ()) }
    let texts = [user.displayName, user.email].compactMap { $0 }
    guard !texts.isEmpty else { return nil }
    guard tenant.tokenizesNames else { return (nil, ()) }
    let found = Tokenizer().tokens(in: texts.joined(separator: "\n"))
    return (TokenSet(mode: .plain, set: Array(found.setBytes.prefix(UserUpsert.tokensMax))), ())
  }
}
