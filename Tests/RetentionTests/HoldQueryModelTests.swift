import Catalog
import History
import KeyVault
import Model
import Postgres
import Retention
import Testing

/// Holds by query against brute force: what may match, as the model says, is held; what it knows not to match is not.
@Suite("Holds by query, against a model")
struct HoldQueryModelTests {
  private struct Message {
    let id: String
    let sender: String
    let conversation: String
    let at: Timestamp
    var versions: [Told]
    /// An edit whose content nobody has.
    var isBroken = false
  }

  private struct Scope {
    var custodian: String?
    var conversation: String?
    var from: Timestamp?

    init(_ random: inout Random) {
      if random.chance(30) { custodian = random.pick(["ann", "bob"]) }
      if random.chance(30) { conversation = random.pick(["one", "two"]) }
      if random.chance(30) { from = RetentionHouse.start.adding(seconds: 5 * RetentionHouse.day) }
    }

    func covers(_ message: Message) -> Bool {
      (custodian.map { $0 == message.sender } ?? true)
        && (conversation.map { $0 == message.conversation } ?? true)
        && (from.map { $0 <= message.at } ?? true)
    }

    func request(_ wish: Wish) -> HoldRequest {
      HoldRequest(
        matter: "M", custodians: custodian.map { [$0] } ?? [], conversations: conversation.map { [$0] } ?? [],
        from: from, query: wish.text, reason: "R")
    }
  }

  private func heldIDs(_ hold: Int64, _ messages: [Message], _ house: RetentionHouse) async throws -> Set<
    String
  > {
    let names = Dictionary(
      uniqueKeysWithValues: messages.map { (house.directory.hasher.messageKey($0.id), $0.id) })
    let held = try await house.database.transaction { tx in try Deletions.heldBy(Array(names.keys), in: tx) }
    return Set(held.filter { $0.value.contains(hold) }.compactMap { names[$0.key] })
  }

  private func made(_ count: Int, _ random: inout Random, _ house: RetentionHouse) async throws -> [Message] {
    var messages: [Message] = []
    for number in 0..<count {
      let message = Message(
        id: "m\(number)-\(random.next())", sender: random.pick(["ann", "bob"]),
        conversation: random.pick(["one", "two"]),
        at: RetentionHouse.start.adding(seconds: Int64(random.below(10)) * RetentionHouse.day),
        versions: [Told(&random)])
      try await house.send(
        [message.versions[0].payload(message.id)], by: message.sender, in: message.conversation,
        at: message.at)
      messages.append(message)
    }
    return messages
  }

  private func edit(_ message: inout Message, _ random: inout Random, _ house: RetentionHouse) async throws {
    if random.chance(20), !message.isBroken, message.versions.count == 1 {
      message.isBroken = true
      try await house.edit(message.id, at: message.at)
    } else {
      message.versions.append(Told(&random))
      try await house.edit(
        message.id, to: message.versions[message.versions.count - 1].payload(message.id),
        version: Int64(message.versions.count) + 10)
    }
  }

  @Test(
    "held is what matches, in any version, and what cannot be decided; after edits, until it is read again")
  func againstBruteForce() async throws {
    var random = Random.printed("hold queries")
    try await RetentionHouse.with { house in
      var messages = try await made(60, &random, house)
      for index in messages.indices where random.chance(20) {
        try await edit(&messages[index], &random, house)
      }
      var once: [Int64: Set<String>] = [:]
      var holds: [(id: Int64, scope: Scope, wish: Wish)] = []
      for _ in 0..<25 {
        let (scope, wish) = (Scope(&random), Wish(&random))
        let id = try await house.holds.place(scope.request(wish), actor: "law")
        let covered = Set(messages.filter { scope.covers($0) }.map(\.id))
        #expect(try await heldIDs(id, messages, house) == covered, "before it is read: \(wish.text)")
        holds.append((id, scope, wish))
      }
      for round in 0..<3 {
        let result = try await house.holds.evaluateAll(actor: "job")
        #expect(result.failed == [] && result.done.unread == 0)
        for (id, scope, wish) in holds {
          let held = try await heldIDs(id, messages, house)
          for message in messages {
            let isHeld = held.contains(message.id)
            guard scope.covers(message) else {
              #expect(!isHeld)
              continue
            }
            let mayMatch = message.isBroken || message.versions.contains { $0.mayMatch(wish) }
            #expect(isHeld || !mayMatch, "round \(round): \(wish.text) let \(message.versions) go")
            let isKnown = !message.isBroken && message.versions.allSatisfy(\.isKnown)
            if isKnown, !mayMatch {
              #expect(!isHeld, "round \(round): \(wish.text) kept \(message.versions)")
            }
          }
          #expect(once[id, default: []].isSubset(of: held), "what was held for matching stays")
          once[id] = held
        }
        // What comes and changes now is held by all that cover it, until it is read.
        let more = try await made(5, &random, house)
        var changed = more
        messages += more
        for index in messages.indices where random.chance(10) {
          try await edit(&messages[index], &random, house)
          changed.append(messages[index])
        }
        for (id, scope, wish) in holds {
          let held = try await heldIDs(id, messages, house)
          let covered = Set(changed.filter { scope.covers($0) }.map(\.id))
          #expect(covered.isSubset(of: held), "not yet read: \(wish.text)")
        }
      }
    }
  }
}
