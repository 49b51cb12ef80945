import ArgumentParser
import Catalog
import Foundation
import Ingestion
import Runtime
import Search
import SearchTokens

extension IndexCommand {
  struct Leakage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "leakage",
      abstract: "Measure what a tenant's tokens give away to whoever has the index, and advise.",
      discussion: """
        Reads every posting of the tenant's tokens and prints none of them. With --reference the simplest attack is \
        tried: ranks of tokens are matched with ranks of words. For blinded tokens it can only be scored with the \
        client's key.
        """)
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @Option(help: "Conversations that are looked into one by one (1 to 2000): the largest, and others.")
    var sample = 200
    @Option(help: "File with lines `word count`, or with text of the same language, a message a line.")
    var reference: String?
    @Option(help: "The client's key file.")
    var tokenKey: String?
    @Option(help: "Generation of the client's keys.")
    var generation: UInt32 = CorpusClient.generation

    func validate() throws {
      guard (1...LeakageSurvey.Settings.sampleMax).contains(sample) else {
        throw ValidationError("--sample takes 1 to \(LeakageSurvey.Settings.sampleMax)")
      }
    }

    func run() async throws {
      let settings = try surveySettings()
      try await Application.with(try common.settings()) { application in
        let directory = application.directory(try await application.tenant(tenancy.tenant))
        let survey = LeakageSurvey(
          directory: directory, database: application.database, index: application.index,
          groups: application.settings.indexGroups, settings: settings)
        let meter = common.meter
        let report = try await survey.run { meter.update("tokens", count: $0) }
        meter.finish()
        try common.output.value(report, text: report.text)
      }
    }

    private func surveySettings() throws -> LeakageSurvey.Settings {
      var settings = LeakageSurvey.Settings()
      settings.sample = sample
      if let reference {
        guard let data = FileManager.default.contents(atPath: reference) else {
          throw ValidationError("the reference file cannot be read; check --reference")
        }
        settings.reference = ReferenceWords(text: String(decoding: data, as: UTF8.self))
      }
      if let tokenKey {
        settings.key = (try TokenKeyFile.open(tokenKey, creating: false), generation)
      }
      return settings
    }
  }
}

extension LeakageReport {
  /// For people; the same figures as the JSON.
  var text: String {
    var lines = [
      "tenant \(tenant): \(mode.rawValue) tokens, \(messages) messages in \(conversations) conversations"
    ]
    lines += volumes.map {
      "  \($0.kind): \($0.distinct) distinct, \($0.occurrences) in messages, \(Self.tenths($0.perMessage)) a message"
    }
    if let frequency {
      lines.append(
        "frequency: the most frequent token has \(Self.percent(frequency.top1)) of all occurrences, the first 10 "
          + "\(Self.percent(frequency.top10)), the first 100 \(Self.percent(frequency.top100)); entropy "
          + "\(Self.tenths(frequency.entropyBits)) of \(Self.tenths(frequency.entropyBitsMax)) bits"
          + (frequency.zipfExponent.map { ", Zipf exponent \(Self.hundredths($0))" } ?? ""))
    }
    lines += identifying.map {
      "identifying: \(Self.percent($0.messages)) of the messages have a token that "
        + ($0.messagesMax == 1 ? "no other message has" : "at most \($0.messagesMax) messages have")
    }
    lines += collisions.map {
      "collisions at \($0.bits) bits: \($0.pairs) pairs (expected \(Self.hundredths($0.expectedPairs))), "
        + "\(Self.percent($0.tokensMerged)) of the tokens"
    }
    lines += (keysText + companyText + attackText).compactMap { $0 }
    lines += advice.map { "advice, \($0.measure): \($0.detail)" }
    return lines.joined(separator: "\n")
  }

  private var keysText: [String] {
    keys.map {
      [
        "keys: \($0.sharedTokens) tokens (\(Self.percent($0.sharedShare))) occur in more than one conversation"
      ]
    } ?? []
  }

  private var companyText: [String] {
    cooccurrence.map {
      [
        "co-occurrence, \($0.tokens) frequent tokens of \($0.conversations) conversations: \(Self.percent($0.pairs)) of "
          + "pairs stand in one message; told apart by frequency \(Self.percent($0.apartByFrequency)), with their "
          + "company \(Self.percent($0.apartByCompany))"
      ]
    } ?? []
  }

  private var attackText: [String] {
    guard let attack else { return attackLacks.map { ["no attack tried, it needs \($0)"] } ?? [] }
    var lines = [
      "matching of ranks recovers \(Self.percent(attack.perConversation.tokens)) of the tokens and "
        + "\(Self.percent(attack.perConversation.occurrences)) of the occurrences in \(sampledConversations) conversations"
    ]
    lines += attack.bySize.map {
      "  \($0.conversations) of \($0.messagesMax.map { "up to \($0)" } ?? "more") messages: "
        + "\(Self.percent($0.recovered.occurrences)) of the occurrences"
    }
    return lines
  }

  private static func percent(_ share: Double) -> String { "\(tenths(share * 100)) %" }
  private static func tenths(_ number: Double) -> String { String(format: "%.1f", number) }
  private static func hundredths(_ number: Double) -> String { String(format: "%.2f", number) }
}
