import Model

/// A stretch of raw lines of one source.
package struct LineBatch: Sendable {
  package var source: String
  package var lines: [(number: Int64, bytes: [UInt8]?)] = []

  package init(source: String) { self.source = source }

  /// A line whose bytes are `nil` was too long to be kept.
  package mutating func append(_ number: Int64, _ bytes: [UInt8]?) { lines.append((number, bytes)) }
}

/// Turns raw lines into items, and what cannot be read into rejected lines.
package struct BatchDecoder: Sendable {
  package enum Format: Sendable {
    case auto, events, corpus
    case mapping(EventMapping)
  }

  private let format: Format
  /// `nil`: events are taken as they are, as a server must.
  private let client: CorpusClient?
  private let tenant: Tenant

  package struct Tenant: Sendable {
    package let name: String
    package let revealsOrder: Bool

    package init(name: String, revealsOrder: Bool) {
      self.name = name
      self.revealsOrder = revealsOrder
    }
  }

  package init(format: Format, client: CorpusClient?, tenant: Tenant) {
    self.format = format
    self.client = client
    self.tenant = tenant
  }

  /// Decodes on both cores: the lines are independent of each other.
  package func decode(_ batch: LineBatch) async -> IngestBatch {
    let middle = batch.lines.count / 2
    async let first = decode(batch.lines[..<middle], of: batch.source)
    async let second = decode(batch.lines[middle...], of: batch.source)
    var whole = await first
    let rest = await second
    whole.items += rest.items
    whole.rejected += rest.rejected
    whole.position = batch.lines.last?.number ?? 0
    return whole
  }

  @concurrent
  private func decode(_ lines: ArraySlice<(number: Int64, bytes: [UInt8]?)>, of source: String) async
    -> IngestBatch
  {
    var batch = IngestBatch(source: source)
    let reader = LineReader(format)
    for (number, bytes) in lines {
      guard let bytes else {
        let refusal = RejectedInput.oversized(limit: EventDecoder.lineLimit)
        batch.rejected.append(
          RejectedLine(line: number, raw: [], code: refusal.code.rawValue, detail: refusal.detail))
        continue
      }
      do throws(RejectedInput) {
        batch.items.append(try item(number, bytes, reader.read(bytes)))
      } catch {
        batch.rejected.append(
          RejectedLine(
            line: number, raw: client?.withholdsRaw == true ? [] : bytes, code: error.code.rawValue,
            detail: error.description))
      }
    }
    return batch
  }

  private func item(_ number: Int64, _ bytes: [UInt8], _ decoded: LineDecoder.Line) throws(RejectedInput)
    -> IngestItem
  {
    switch decoded {
    case .corpus(let message):
      return (client ?? CorpusClient(tokens: .none, tenant: tenant.name)).item(
        message, line: number, raw: bytes)
    case .event(var incoming):
      if let named = incoming.tenant, named != tenant.name {
        throw RejectedInput(
          .badValue, key: "tenant", detail: "the event names another tenant than it was sent to")
      }
      if !tenant.revealsOrder, incoming.event.revealsOrder {
        throw RejectedInput(
          .badValue, key: "tokens.sequence",
          detail: "this tenant does not allow blinded tokens to reveal their order")
      }
      incoming.event.leaveOutFollowingTokens()
      guard let client else {
        return IngestItem(line: number, raw: bytes, event: incoming.event, eventID: incoming.eventID)
      }
      return client.item(incoming, line: number, raw: bytes)
    }
  }
}

/// The decoder a format asks for.
private enum LineReader {
  case auto(LineDecoder)
  case events(EventDecoder)
  case corpus(CorpusDecoder)

  init(_ format: BatchDecoder.Format) {
    switch format {
    case .auto: self = .auto(LineDecoder())
    case .events: self = .events(EventDecoder())
    case .corpus: self = .corpus(CorpusDecoder())
    case .mapping(let mapping): self = .events(EventDecoder(mapping: mapping))
    }
  }

  func read(_ bytes: [UInt8]) throws(RejectedInput) -> LineDecoder.Line {
    switch self {
    case .auto(let decoder): try decoder.decode(bytes)
    case .events(let decoder): .event(try decoder.decode(bytes))
    case .corpus(let decoder): .corpus(try decoder.decode(bytes))
    }
  }
}

extension Event {
  /// Here, as lines are decoded on both cores; an edit's go when it is sealed.
  fileprivate mutating func leaveOutFollowingTokens() {
    guard case .messageCreated(var created) = self else { return }
    created.payload.leaveOutFollowingTokens()
    self = .messageCreated(created)
  }

  fileprivate var revealsOrder: Bool {
    let tokens: TokenSet? =
      switch self {
      case .messageCreated(let created): created.payload.tokens
      case .messageEdited(let edit): edit.tokens
      case .userUpserted(let user): user.tokens
      default: nil
      }
    return tokens?.mode == .blinded && !(tokens?.sequence.isEmpty ?? true)
  }
}
