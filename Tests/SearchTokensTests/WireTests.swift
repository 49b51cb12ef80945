import SearchTokens
import Sodium
import Testing

@Suite("Token frames")
struct WireTests {
  private let key: ConversationKey

  init() throws {
    let wire = Vectors.shared.wire
    key = try ConversationKey(
      secret: [UInt8](hex: wire.secret)!, tenantBytes: [UInt8](hex: wire.tenant)!,
      conversationBytes: [UInt8](hex: wire.conversation)!, generation: wire.generation)
  }

  @Test(
    "a message's frame is the vectors', and reads to the same tokens", arguments: Vectors.shared.wire.frames)
  func frames(_ vector: Vectors.Frame) throws {
    let message = key.blind(
      Tokenizer().tokens(in: vector.text), bigrams: true, prefixes: true, isExternal: vector.external)
    let frame = try TokenFrame(message, kid: key.kid, isExternal: vector.external)
    #expect(frame.bytes.hex == vector.frame)
    let read = try TokenFrame([UInt8](hex: vector.frame)!)
    #expect(read == frame && read.flags == vector.flags && read.kid == key.kid)
    #expect(read.sections.map { [Int($0.kind.rawValue), $0.tokens.count] } == vector.sections)
    if !vector.flags.contains("truncated") { #expect(read.message(generation: 1) == message) }
  }

  @Test("what is no frame is refused at the place", arguments: Vectors.shared.wire.malformed)
  func malformed(_ vector: Vectors.Malformed) {
    do throws(TokenFrameError) {
      let frame = try TokenFrame([UInt8](hex: vector.frame)!)
      Issue.record("\(vector.name) reads to \(frame)")
    } catch {
      #expect(error.code.rawValue == vector.code && error.offset == vector.offset, "\(vector.name): \(error)")
    }
  }

  @Test("the vectors hold a malformed frame of every kind")
  func kinds() {
    let kinds = Set(Vectors.shared.wire.malformed.map(\.code))
    #expect(Vectors.shared.wire.malformed.count >= 40)
    #expect(kinds == Set(TokenFrameError.Code.allCases.map(\.rawValue)).subtracting(["not_blinded"]))
  }

  @Test("a section holds 512 tokens and not one more; more of a message's are cut, and it says so")
  func limit() throws {
    let fits = Tokenizer().tokens(in: (0..<512).map { "w\($0)" }.joined(separator: " "))
    let frame = try TokenFrame(key.blind(fits), kid: key.kid)
    #expect(frame.sections[0].tokens.count == 512 && frame.flags.isEmpty)
    let more = Tokenizer(distinctMax: 513).tokens(in: (0..<513).map { "w\($0)" }.joined(separator: " "))
    let cut = try TokenFrame(key.blind(more), kid: key.kid)
    #expect(cut.sections[0].tokens.count == 512 && cut.flags == ["truncated"])
  }

  @Test("plain tokens, a short kid and a flag without a bit have no frame")
  func notBlinded() {
    let text = Tokenizer().tokens(in: "hello")
    #expect(throws: TokenFrameError.self) { try TokenFrame(MessageTokens(plain: text), kid: key.kid) }
    #expect(throws: TokenFrameError.self) { try TokenFrame(key.blind(text), kid: [1]) }
    var flagged = key.blind(text)
    flagged.flags = ["poll"]
    #expect(throws: TokenFrameError.self) { try TokenFrame(flagged, kid: key.kid) }
    flagged.flags = []
    flagged.set += flagged.set
    #expect(throws: TokenFrameError.self) { try TokenFrame(flagged, kid: key.kid) }
  }

  @Test("mutated frames never trap; what reads writes the same bytes again")
  func fuzz() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("token frames: seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let seeds = (Vectors.shared.wire.frames.map(\.frame) + Vectors.shared.wire.malformed.map(\.frame))
      .map { [UInt8](hex: $0)! }
    var accepted = 0
    for _ in 0..<20_000 {
      var bytes = seeds.randomElement(using: &generator)!
      if bytes.count > 600 { bytes.removeSubrange(600...) }
      for _ in 0..<Int.random(in: 1...4, using: &generator) { mutate(&bytes, &generator) }
      guard let frame = try? TokenFrame(bytes) else { continue }
      accepted += 1
      #expect(frame.bytes == bytes, "seed \(seed)")
      let message = frame.message(generation: 1)
      // Members' words and others' share a list in events, so only one of them comes back as it was.
      if Set(frame.sections.map(\.kind)).isDisjoint(with: [.external]) {
        #expect(try TokenFrame(message, kid: frame.kid) == frame, "seed \(seed)")
      }
    }
    #expect(accepted > 0, "seed \(seed)")
  }

  private func mutate(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
    guard !bytes.isEmpty else {
      bytes.append(1)
      return
    }
    let at = Int.random(in: 0..<bytes.count, using: &generator)
    switch Int.random(in: 0..<6, using: &generator) {
    case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 1: bytes[at] = [0, 1, 2, 3, 4, 5, 127, 128, 255].randomElement(using: &generator)!
    case 2: bytes.remove(at: at)
    case 3: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: at)
    case 4: bytes.removeSubrange(at...)
    default: bytes += bytes[at..<min(at + 11, bytes.count)]
    }
  }
}

@Suite("Links between generations")
struct LinkTests {
  @Test("a link is the vectors', and opens the generation before", arguments: Vectors.shared.links)
  func vectors(_ vector: Vectors.Link) throws {
    func secret(_ hex: String, _ generation: UInt32) throws -> ConversationSecret {
      try ConversationSecret(
        secret: [UInt8](hex: hex)!, tenantBytes: [UInt8](hex: vector.tenant)!,
        conversationBytes: [UInt8](hex: vector.conversation)!, generation: generation)
    }
    let (newer, older) = (
      try secret(vector.secret, vector.generation), try secret(vector.older, vector.generation - 1)
    )
    #expect(try newer.link(to: older).hex == vector.link)
    let opened = try newer.opened([UInt8](hex: vector.link)!)
    #expect(opened.generation == older.generation && opened.key.kid == older.key.kid)
    #expect(opened.key.token("hello") == older.key.token("hello"))
  }

  @Test("from the newest generation, link by link, the first one opens")
  func chain() throws {
    let master = TokenMaster.random()
    let secrets = (0...4).map { master.conversationSecret(tenant: "t", conversation: "c", generation: $0) }
    var opened = secrets[4]
    for generation in (1...4).reversed() {
      opened = try opened.opened(try secrets[generation].link(to: secrets[generation - 1]))
    }
    #expect(opened.generation == 0 && opened.key.kid == secrets[0].key.kid)
  }

  @Test("a link that was changed, or is another conversation's, tenant's or generation's, does not open")
  func bound() throws {
    let master = TokenMaster.random()
    func secret(_ generation: UInt32, _ conversation: String = "c", _ tenant: String = "t")
      -> ConversationSecret
    {
      master.conversationSecret(tenant: tenant, conversation: conversation, generation: generation)
    }
    let link = try secret(2).link(to: secret(1))
    #expect(link.count == ConversationSecret.linkSize)
    for index in link.indices {
      var changed = link
      changed[index] ^= 0x40
      #expect(throws: TokenKeyError.self) { try secret(2).opened(changed) }
    }
    for bytes in [[], Array(link.dropLast()), link + [0]] {
      #expect(throws: TokenKeyError.self) { try secret(2).opened(bytes) }
    }
    // The same secret under another generation, conversation or tenant does not open it either.
    let raw = [UInt8](repeating: 9, count: 32)
    let old = [UInt8](repeating: 8, count: 32)
    func made(_ bytes: [UInt8], _ generation: UInt32, _ conversation: String, _ tenant: String) throws
      -> ConversationSecret
    {
      try ConversationSecret(
        secret: bytes, tenant: tenant, conversation: conversation, generation: generation)
    }
    let bound = try made(raw, 2, "c", "t").link(to: made(old, 1, "c", "t"))
    #expect(try made(raw, 2, "c", "t").opened(bound).generation == 1)
    for (generation, conversation, tenant) in [(3, "c", "t"), (1, "c", "t"), (2, "d", "t"), (2, "c", "u")] {
      #expect(throws: TokenKeyError.self) {
        try made(raw, UInt32(generation), conversation, tenant).opened(bound)
      }
    }
    #expect(throws: TokenKeyError.self) { try secret(3).link(to: secret(1)) }
    #expect(throws: TokenKeyError.self) { try secret(2).link(to: secret(1, "d")) }
    #expect(throws: TokenKeyError.self) { try secret(0).link(to: secret(0)) }
    #expect(throws: TokenKeyError.self) { try secret(0).opened(link) }
  }
}
