/// What could be done about what was measured, with the measured effect of each.
enum LeakageAdvice {
  static func all(for report: LeakageReport) -> [LeakageReport.Advice] {
    guard report.mode != .none else { return [] }
    return [
      plain(report), keys(report), rotation(report), stopWords(report), truncation(report), classes(report),
    ]
    .compactMap { $0 }
  }

  static func percent(_ share: Double) -> String {
    let thousandths = (share * 1_000).rounded()
    return "\(Int(thousandths) / 10).\(Int(thousandths) % 10) %"
  }

  private static func plain(_ report: LeakageReport) -> LeakageReport.Advice? {
    guard report.mode == .plain || report.mode == .mixed else { return nil }
    return .init(
      measure: "blinding",
      detail:
        "plain words: everything is readable by the server and by whoever has the index. Blind them on the "
        + "clients if that is not meant")
  }

  private static func keys(_ report: LeakageReport) -> LeakageReport.Advice? {
    if let one = report.attack?.oneKey, let each = report.attack?.perConversation {
      return .init(
        measure: "key_per_conversation",
        detail:
          "were these words blinded, matching of ranks would recover \(percent(one.occurrences)) of the most "
          + "frequent tokens' occurrences under one key, and \(percent(each.occurrences)) under a key per conversation"
      )
    }
    guard let keys = report.keys else { return nil }
    guard !keys.perConversation else {
      return .init(
        measure: "key_per_conversation",
        detail: "no token occurs in two conversations: each has a key of its own. Keep it so")
    }
    return .init(
      measure: "key_per_conversation",
      detail:
        "\(percent(keys.sharedShare)) of the tokens occur in more than one conversation: one key serves several. "
        + "Give each conversation and generation a key of its own")
  }

  private static func rotation(_ report: LeakageReport) -> LeakageReport.Advice? {
    guard let sizes = report.attack?.bySize, let first = sizes.first, let last = sizes.last, sizes.count > 1
    else {
      return nil
    }
    return .init(
      measure: "new_generations",
      detail:
        "of conversations of up to \(first.messagesMax ?? 0) messages \(percent(first.recovered.occurrences)) of "
        + "the occurrences are recovered, of the largest \(percent(last.recovered.occurrences)). If the latter is "
        + "more, begin a new generation of keys earlier")
  }

  private static func stopWords(_ report: LeakageReport) -> LeakageReport.Advice? {
    guard let attack = report.attack else {
      guard let frequency = report.frequency else { return nil }
      return .init(
        measure: "stop_words",
        detail:
          "the 100 most frequent tokens have \(percent(frequency.top100)) of all occurrences, which is what "
          + "guessing by frequency begins with; clients can leave out the most common words")
    }
    return .init(
      measure: "stop_words",
      detail: "if clients left out the reference's first \(attack.stopWords) words, "
        + "\(percent(attack.stopWordsShare)) of the occurrences would not be searchable, and of all occurrences "
        + "\(percent(attack.withoutStopWords.occurrences)) be recovered in place of "
        + "\(percent(attack.perConversation.occurrences))")
  }

  private static func truncation(_ report: LeakageReport) -> LeakageReport.Advice? {
    if let attack = report.attack, let short = attack.truncated.first {
      return .init(
        measure: "truncation",
        detail:
          "tokens cut to \(short.bits) bits would have \(hits(short.falseHits)) false hits for each right one, and "
          + "\(percent(short.recovered.occurrences)) of the occurrences recovered in place of "
          + "\(percent(attack.perConversation.occurrences)): keep 64 bits unless the second is much less")
    }
    guard let short = report.collisions.first else { return nil }
    return .init(
      measure: "truncation",
      detail:
        "cut to \(short.bits) bits, \(percent(short.tokensMerged)) of the tokens would look like another "
        + "somewhere, but within a conversation few would: it makes false hits before it blurs frequencies")
  }

  private static func classes(_ report: LeakageReport) -> LeakageReport.Advice? {
    let kinds = report.volumes.map(\.kind).filter { $0 == "bigram" || $0 == "prefix" }
    guard !kinds.isEmpty else { return nil }
    return .init(
      measure: "classes",
      detail:
        "there are tokens of the class \(kinds.joined(separator: " and ")): they tell which words stand together, "
        + "or begin alike. Leave them out where phrases and word* are not worth that")
  }

  private static func hits(_ number: Double) -> String {
    let hundredths = Int((number * 100).rounded())
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
  }
}
