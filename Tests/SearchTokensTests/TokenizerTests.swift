import SearchTokens
import Sodium
import Testing
import Utf8proc

@Suite("Tokenizer")
struct TokenizerTests {
  private let tokenizer = Tokenizer()

  @Test("the tables are of the vectors' Unicode version or a later one")
  func unicodeVersion() throws {
    let major = { (version: String) in version.split(separator: ".").first.flatMap { Int($0) } }
    #expect(try #require(major(Tokenizer.unicodeVersion)) >= #require(major(Vectors.shared.unicode)))
    #expect(Tokenizer.version == Vectors.shared.version)
  }

  @Test("normalisation gives the vectors' bytes")
  func normalization() {
    for vector in Vectors.shared.normalization {
      #expect(Array(tokenizer.normalized(vector.text).utf8) == Array(vector.n1.utf8), "\(vector.text)")
    }
  }

  @Test("segmentation gives the vectors' tokens", arguments: Vectors.shared.segmentation)
  func segmentation(_ vector: Vectors.Segmented) {
    let text = tokenizer.tokens(in: vector.text)
    #expect(Array(tokenizer.normalized(vector.text).utf8) == Array(vector.normalized.utf8))
    #expect(bytes(text.words) == bytes(vector.words))
    #expect(bytes(text.set) == bytes(vector.set))
    #expect(bytes(text.bigrams) == bytes(vector.bigrams))
    #expect(bytes(text.prefixes) == bytes(vector.prefixes))
    #expect(text.flags == vector.flags)
    #expect(text.isTruncated == vector.truncated)
    #expect(text.wordBytes == bytes(text.words) && text.setBytes == bytes(text.set))
  }

  @Test("the vectors name the languages and scripts they cover")
  func languages() {
    let named = Vectors.shared.languages
    #expect(named.count >= 20 && Set(named).isSubset(of: Vectors.shared.segmentation.map(\.name)))
    for language in ["Arabic", "Hindi", "Japanese", "Korean", "Russian", "Thai"] {
      #expect(named.contains(language))
    }
  }

  @Test("limits hold at the bound and one past it", arguments: Vectors.shared.long)
  func limits(_ vector: Vectors.Long) {
    let text = tokenizer.tokens(in: vector.text)
    #expect(text.words.count == vector.words && text.set.count == vector.set)
    #expect(text.isTruncated == vector.truncated)
    let joined = (text.words + [""] + text.set).joined(separator: "\n")
    #expect(SHA256.hash(Array(joined.utf8)).hex == vector.sha256)
  }

  @Test(
    "a text is read up to its 65,536th scalar, in the fast way and in the slow", arguments: ["", "\u{301}"])
  func longestText(_ start: String) {
    let fits = start + String(repeating: " ", count: 65_535 - start.unicodeScalars.count) + "x"
    #expect(tokenizer.tokens(in: fits).words == ["x"] && !tokenizer.tokens(in: fits).isTruncated)
    let tooLong = start + String(repeating: " ", count: 65_536 - start.unicodeScalars.count) + "x"
    #expect(tokenizer.tokens(in: tooLong).words == [] && tokenizer.tokens(in: tooLong).isTruncated)
  }

  @Test(
    "every scalar of Unicode 14.0 between two letters gives what it gives in Python",
    arguments: Vectors.shared.planes)
  func planes(_ vector: Vectors.Plane) {
    var normalized = SHA256Stream()
    var words = SHA256Stream()
    for number in vector.plane << 16..<(vector.plane + 1) << 16 {
      guard let scalar = Unicode.Scalar(number), let age = scalar.properties.age, age.major <= 14,
        scalar.properties.generalCategory != .unassigned
      else { continue }
      let text = "x\(scalar)y"
      normalized.update(Array((tokenizer.normalized(text) + "\n").utf8))
      words.update(Array((tokenizer.tokens(in: text).words.joined(separator: " ") + "\n").utf8))
    }
    #expect(normalized.finish().hex == vector.n1_sha256)
    #expect(words.finish().hex == vector.words_sha256)
  }

  @Test("a text that needs no neighbours is normalised as utf8proc would")
  func fastAndSlowAgree() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<2_000 {
      let text = generator.text(scalarsMax: 12)
      // A mark that cannot compose sends the second text the slow way, and changes nothing before it.
      let fast = tokenizer.normalized(text + " ")
      let slow = tokenizer.normalized(text + " \u{334}")
      #expect(Array((fast + "\u{334}").utf8) == Array(slow.utf8), "seed \(seed)")
    }
  }

  @Test("tokens of tokens are the tokens again")
  func idempotence() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<1_000 {
      let words = tokenizer.tokens(in: generator.text(scalarsMax: 30)).words
      for word in words {
        #expect((1...64).contains(word.utf8.count), "seed \(seed)")
        let normal = tokenizer.normalized(word)
        #expect(bytes(tokenizer.tokens(in: word).words) == bytes([normal]), "seed \(seed)")
        // Letters of Hangul that a dropped sign kept apart meet in a token, and are composed.
        let composes = word.unicodeScalars.contains { (0x1100...0x11FF).contains($0.value) }
        #expect(composes || bytes([normal]) == bytes([word]), "seed \(seed)")
      }
    }
  }

  @Test("a limit of the caller's is kept")
  func ownLimit() {
    let text = Tokenizer(distinctMax: 2).tokens(in: "a b a c")
    #expect(text.words == ["a", "b", "a"] && text.set == ["a", "b"] && text.isTruncated)
  }
}
