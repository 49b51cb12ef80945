import Testing

extension Home {
  /// All of a conversation as a member sees it, oldest first, by cursor from the newest page back.
  func history(_ conversation: String, as member: String, limit: Int = 100, _ more: [String] = []) throws
    -> [JSON]
  {
    var messages: [JSON] = []
    var cursor: String?
    repeat {
      let words =
        ["history", conversation, "--as", member, "--limit", "\(limit)"]
        + (cursor.map { ["--cursor", $0] } ?? [])
      let page = try done(words + more).object
      messages = (page["messages"]?.elements ?? []) + messages
      cursor = page["next_cursor"]?.text
    } while cursor != nil
    return messages
  }

  /// Every conversation's history.
  func histories(of corpus: Corpus, except subject: String = "", limit: Int = 100, _ more: [String] = [])
    throws
    -> [String: [JSON]]
  {
    var histories: [String: [JSON]] = [:]
    for conversation in corpus.conversations {
      let reader = corpus.reader(of: conversation, except: subject)
      histories[conversation] = try history(conversation, as: reader, limit: limit, more)
    }
    return histories
  }

  struct Found: Equatable {
    /// Without the tier.
    var hits: [JSON] = []
    var lower: Int?
    var upper: Int?
    var coverage: JSON?

    var ids: [String] { hits.compactMap { $0["message_id"]?.text } }
  }

  /// All pages of a search.
  func search(_ query: String, as member: String, limit: Int = 200, _ more: [String] = []) throws -> Found {
    var found = Found()
    var cursor: String?
    repeat {
      let words =
        ["search", "--as", member, "--limit", "\(limit)", "--count", "exact"]
        + (cursor.map { ["--cursor", $0] } ?? []) + more
      let reply = try done(words + [query]).object
      found.hits += (reply["hits"]?.elements ?? []).map { $0.without("tier") }
      found.lower = found.lower ?? reply["matches"]?["lower"]?.number
      found.upper = found.upper ?? reply["matches"]?["upper"]?.number
      found.coverage = found.coverage ?? reply["coverage"]
      cursor = reply["next_cursor"]?.text
    } while cursor != nil
    return found
  }

  /// That every conversation reads exactly as the corpus has it: none lost, none doubled, in order.
  func expect(
    _ corpus: Corpus, except subject: String = "", at location: SourceLocation = #_sourceLocation
  ) throws {
    let histories = try histories(of: corpus, except: subject)
    for conversation in corpus.conversations {
      let wanted = corpus.of(conversation).map { "\($0.messageID) \($0.senderID) \($0.content)" }
      let read = (histories[conversation] ?? []).map {
        "\($0["message_id"]?.text ?? "") \($0["sender_id"]?.text ?? "") \($0["body"]?["plain"]?.text ?? "")"
      }
      #expect(read.count == wanted.count, sourceLocation: location)
      #expect(read == wanted, "\(conversation) differs", sourceLocation: location)
    }
  }

  /// Hash over each group's documents and terms.
  func fingerprints() throws -> [String] {
    try done(["index", "status", "--fingerprint"]).lines.map {
      #expect($0["lag"]?.number == 0)
      return
        "\($0["group"]?.number ?? -1) \($0["documents"]?.number ?? -1) \($0["fingerprint"]?.text ?? "none")"
    }
  }

  /// That the index is what a new one would be, and is sound.
  func expectIndexEqualsRebuilt(at location: SourceLocation = #_sourceLocation) throws {
    let before = try fingerprints()
    try done(["index", "rebuild"])
    #expect(try fingerprints() == before, sourceLocation: location)
  }

  /// That the store holds the catalogue's segments and nothing else.
  func expectNoOrphans(at location: SourceLocation = #_sourceLocation) throws {
    let catalogued = try done(["archive", "list"]).lines.compactMap { $0["id"]?.text }.sorted()
    let stored = try files(in: "segments").filter { $0 != "owner" }.map {
      $0.split(separator: "/").last!.split(separator: ".")[0]
    }
    .map(String.init)
    #expect(stored.sorted() == catalogued, sourceLocation: location)
    #expect(try files(in: "scratch") == [], sourceLocation: location)
    let verified = try done(["archive", "verify", "--deep"]).object
    #expect(verified["damaged"]?.number == 0, sourceLocation: location)
    #expect(verified["segments"]?.number == catalogued.count, sourceLocation: location)
  }
}
