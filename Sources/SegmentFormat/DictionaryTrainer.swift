import Zstd

/// Makes a dictionary for lanes out of what many authors wrote.
package enum DictionaryTrainer {
  package static let bytesMax = 112_640
  /// Less is not worth keeping.
  static let bytesMin = 1_024
  /// A dictionary is one part in this many of the text it is made from: it is stored too.
  private static let textPerByte = 40
  private static let samplesMax = 1_000
  private static let sampleBytes = 4_096

  /// `nil` where too little is common.
  package static func dictionary(_ counter: PhraseCounter, samples: [[UInt8]]) -> [UInt8]? {
    let size = min(counter.textBytes / textPerByte, bytesMax)
    let content = selected(counter, size: size)
    guard content.count >= bytesMin else { return nil }
    return ZstdDictionary.finalized(
      content, samples: samples.prefix(samplesMax).map { Array($0.prefix(sampleBytes)) },
      level: SegmentWriter.compressionLevel)
  }

  /// The best phrases that fit, the best of them last: references to what is near are shorter.
  static func selected(_ counter: PhraseCounter, size: Int) -> [UInt8] {
    let ranked = counter.common().sorted { ($0.gain, $1.word) > ($1.gain, $0.word) }
    var best: [PhraseCounter.Phrase] = []
    var (low, high) = (0, ranked.count)
    while low < high {
      let middle = (low + high + 1) / 2
      let chosen = maximal(ranked.prefix(middle), counter)
      if chosen.reduce(0, { $0 + $1.bytes }) <= size {
        (low, best) = (middle, chosen)
      } else {
        high = middle - 1
      }
    }
    return best.sorted { ($0.gain, $1.word) < ($1.gain, $0.word) }.flatMap { counter.content($0) }
  }

  /// Those that are not part of another one.
  private static func maximal(_ phrases: some Sequence<PhraseCounter.Phrase>, _ counter: PhraseCounter)
    -> [PhraseCounter.Phrase]
  {
    var parts: Set<UInt64> = []
    var maximal: [PhraseCounter.Phrase] = []
    for phrase in phrases.sorted(by: { ($0.words, $1.word) > ($1.words, $0.word) }) {
      let runs = counter.runs(in: phrase)
      guard let whole = runs.first, !parts.contains(whole) else { continue }
      maximal.append(phrase)
      parts.formUnion(runs)
    }
    return maximal
  }
}

extension PhraseCounter {
  /// Hashes of all runs of words of a phrase, the whole one first.
  fileprivate func runs(in phrase: Phrase) -> [UInt64] {
    var runs: [UInt64] = []
    for first in 0..<phrase.words {
      var hash = start
      for word in first..<phrase.words {
        hash = extended(hash, by: phrase.word + word)
        runs.append(hash)
      }
      if first == 0 { runs = [hash] + runs }
    }
    return runs
  }
}
