package import Model
internal import SimdJSON

/// Decodes lines whose format each line gives away: events and corpus messages may be mixed. Parses a line
/// once. Belongs to one thread.
package struct LineDecoder {
  package enum Line: Hashable, Sendable {
    case event(IncomingEvent)
    case corpus(CorpusMessage)
  }

  private let parser = JSONParser(capacity: EventDecoder.lineLimit)

  package init() {}

  /// A line that looks like neither is refused as an event would be.
  package func decode(_ line: [UInt8]) throws(RejectedInput) -> Line {
    let object = try parser.object(line)
    if LineFormat(object) == .corpus { return .corpus(try CorpusMessage(EventFields(object))) }
    return .event(try IncomingEvent(EventFields(object)))
  }
}

/// The formats that one line gives away.
package enum LineFormat: Hashable, Sendable {
  case events, corpus

  /// Told by the line's keys: an event has a `type`, a corpus message has the names of conversation and
  /// sender. `nil` for anything else, also for what is not JSON.
  package init?(detecting line: [UInt8]) {
    guard let object = try? JSONParser(capacity: EventDecoder.lineLimit).object(line) else { return nil }
    self.init(object)
  }

  init?(_ object: JSONValue) {
    let corpusKeys = ["conversation_name", "sender_name", "content", "message_id", "conversation_id"]
    if object["type"]?.string != nil {
      self = .events
    } else if corpusKeys.allSatisfy({ object[$0] != nil }) {
      self = .corpus
    } else {
      return nil
    }
  }
}
