import Foundation

/// `Schemas/tokens/vectors-v1.json`, which `Tests/Compatibility/tokens_v1.py` computes and checks on its own.
struct Vectors: Decodable {
  struct Normalized: Decodable { let text, n1: String }
  struct Segmented: Decodable, Sendable {
    let name, text, normalized: String
    let words, set, bigrams, prefixes, flags: [String]
    let truncated: Bool
  }
  struct Long: Decodable, Sendable {
    let name, text, sha256: String
    let words, set: Int
    let truncated: Bool
  }
  struct Plane: Decodable, Sendable { let plane: UInt32; let n1_sha256, words_sha256: String }
  struct Token: Decodable, Sendable { let `class`: UInt8; let text, token: String }
  struct Key: Decodable, Sendable {
    let secret, tenant, conversation, kid: String
    let generation: UInt32
    let tokens: [Token]
  }
  struct MasterCase: Decodable, Sendable {
    let tenant, conversation, tenant_bytes, conversation_bytes, secret, kid, token_hello: String
    let body_key_id, message_id, body, nonce, sealed: String
    let generation: UInt32
  }
  struct Master: Decodable, Sendable { let file: String; let cases: [MasterCase] }

  struct Frame: Decodable, Sendable {
    let name, text, frame: String
    let external: Bool
    let flags: [String]
    let sections: [[Int]]
  }
  struct Malformed: Decodable, Sendable { let name, frame, code: String; let offset: Int }
  struct Wire: Decodable, Sendable {
    let secret, tenant, conversation: String
    let generation: UInt32
    let frames: [Frame]
    let malformed: [Malformed]
  }
  struct Link: Decodable, Sendable {
    let generation: UInt32
    let secret, older, tenant, conversation, link: String
  }

  let version: Int
  let unicode: String
  let normalization: [Normalized]
  let segmentation: [Segmented]
  let long: [Long]
  let planes: [Plane]
  let blinding: [Key]
  let master: Master
  let wire: Wire
  let links: [Link]
  let languages: [String]

  static let shared: Vectors = {
    let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    do {
      let data = try Data(contentsOf: repository.appending(path: "Schemas/tokens/vectors-v1.json"))
      return try JSONDecoder().decode(Vectors.self, from: data)
    } catch { fatalError("the token vectors cannot be read: \(error)") }
  }()
}

/// Byte by byte: `String` equality is canonical equivalence, which is not enough for tokens.
func bytes(_ texts: [String]) -> [[UInt8]] { texts.map { Array($0.utf8) } }

/// A small seeded generator (SplitMix64), so that a random failure can be replayed.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }

  /// Text that favours scalars with rules of their own.
  mutating func text(scalarsMax: Int) -> String {
    let telling = Array(
      ("aB'’_+#@ \"()-*:ßİΣά京カﾞがกิ각½ﷺ…क़्👍\u{301}\u{327}\u{345}\u{34F}\u{200D}\u{FE0F}\u{1100}\u{1161}"
        + "\u{11A8}\u{AD}\u{0}\n").unicodeScalars)
    var view = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0...scalarsMax, using: &self) {
      let any = Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &self))
      view.append(Bool.random(using: &self) ? any ?? "x" : telling.randomElement(using: &self)!)
    }
    return String(view)
  }
}
