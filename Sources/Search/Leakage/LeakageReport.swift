/// What a tenant's tokens give away to whoever has the index; holds no token and no word.
package struct LeakageReport: Encodable, Sendable {
  package enum Mode: String, Encodable, Sendable { case none, plain, blinded, mixed }

  package struct Volume: Encodable, Sendable {
    package var kind: String
    package var distinct: Int
    package var occurrences: Int
    package var perMessage: Double

    enum CodingKeys: String, CodingKey {
      case kind = "class"
      case distinct, occurrences
      case perMessage = "per_message"
    }
  }

  package struct Frequency: Encodable, Sendable {
    package var top1: Double
    package var top10: Double
    package var top100: Double
    package var entropyBits: Double
    /// What it would be if all tokens were equally frequent.
    package var entropyBitsMax: Double
    package var zipfExponent: Double?

    enum CodingKeys: String, CodingKey {
      case top1 = "top_1_share"
      case top10 = "top_10_share"
      case top100 = "top_100_share"
      case entropyBits = "entropy_bits"
      case entropyBitsMax = "entropy_bits_max"
      case zipfExponent = "zipf_exponent"
    }
  }

  package struct Identifying: Encodable, Sendable {
    package var messagesMax: Int
    /// Share of messages that have a token which no more messages than that have.
    package var messages: Double

    enum CodingKeys: String, CodingKey {
      case messagesMax = "token_in_messages_max"
      case messages = "messages_share"
    }
  }

  package struct Collision: Encodable, Sendable {
    package var bits: Int
    package var expectedPairs: Double
    package var pairs: Int
    /// Share of tokens that cannot be told from another any more.
    package var tokensMerged: Double

    enum CodingKeys: String, CodingKey {
      case bits
      case expectedPairs = "expected_pairs"
      case pairs = "measured_pairs"
      case tokensMerged = "tokens_merged_share"
    }
  }

  package struct Keys: Encodable, Sendable {
    /// Tokens that occur in more than one conversation; none, where each has a key of its own.
    package var sharedTokens: Int
    package var sharedShare: Double
    package var perConversation: Bool

    enum CodingKeys: String, CodingKey {
      case sharedTokens = "shared_tokens"
      case sharedShare = "shared_tokens_share"
      case perConversation = "per_conversation"
    }
  }

  package struct Cooccurrence: Encodable, Sendable {
    package var conversations: Int
    package var tokens: Int
    /// Share of pairs of frequent tokens of a conversation that occur in one message.
    package var pairs: Double
    /// Share of frequent tokens that no other of the conversation has the frequency of.
    package var apartByFrequency: Double
    /// As before, with how often each occurs beside the others.
    package var apartByCompany: Double

    enum CodingKeys: String, CodingKey {
      case conversations, tokens
      case pairs = "pairs_share"
      case apartByFrequency = "apart_by_frequency_share"
      case apartByCompany = "apart_by_cooccurrence_share"
    }
  }

  /// What the attack got right.
  package struct Recovery: Encodable, Sendable, Hashable {
    package var tokens: Double
    package var occurrences: Double

    enum CodingKeys: String, CodingKey {
      case tokens = "tokens_share"
      case occurrences = "occurrences_share"
    }
  }

  package struct Truncated: Encodable, Sendable {
    package var bits: Int
    package var recovered: Recovery
    package var falseHits: Double

    enum CodingKeys: String, CodingKey {
      case bits, recovered
      case falseHits = "false_hits_per_hit"
    }
  }

  package struct BySize: Encodable, Sendable {
    package var messagesMax: Int?
    package var conversations: Int
    package var recovered: Recovery

    enum CodingKeys: String, CodingKey {
      case conversations, recovered
      case messagesMax = "messages_max"
    }
  }

  package struct Attack: Encodable, Sendable {
    package var referenceWords: Int
    /// `plain_words`: the words themselves; `token_key`: the reference's words, blinded.
    package var truth: String
    package var perConversation: Recovery
    /// If all conversations had one key; only where words are plain.
    package var oneKey: Recovery?
    package var stopWords: Int
    package var withoutStopWords: Recovery
    /// Share of occurrences that would not be searchable.
    package var stopWordsShare: Double
    package var truncated: [Truncated]
    package var bySize: [BySize]

    enum CodingKeys: String, CodingKey {
      case truth, truncated
      case referenceWords = "reference_words"
      case perConversation = "per_conversation"
      case oneKey = "one_key"
      case stopWords = "stop_words"
      case withoutStopWords = "without_stop_words"
      case stopWordsShare = "stop_words_share"
      case bySize = "by_size"
    }
  }

  package struct Advice: Encodable, Sendable {
    package var measure: String
    package var detail: String
  }

  package var tenant: String
  package var mode: Mode
  package var messages: Int
  package var conversations: Int
  package var sampledConversations: Int
  package var volumes: [Volume] = []
  package var frequency: Frequency?
  package var identifying: [Identifying] = []
  package var collisions: [Collision] = []
  package var keys: Keys?
  package var cooccurrence: Cooccurrence?
  package var attack: Attack?
  /// Why there is no attack.
  package var attackLacks: String?
  package var advice: [Advice] = []

  package init(tenant: String, mode: Mode, messages: Int, conversations: Int, sampledConversations: Int) {
    self.tenant = tenant
    self.mode = mode
    self.messages = messages
    self.conversations = conversations
    self.sampledConversations = sampledConversations
  }

  enum CodingKeys: String, CodingKey {
    case tenant, mode, messages, conversations, volumes, frequency, identifying, collisions, keys
    case cooccurrence, attack, advice
    case sampledConversations = "sampled_conversations"
    case attackLacks = "attack_lacks"
  }
}
