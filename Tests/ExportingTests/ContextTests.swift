import Catalog
import Foundation
import History
import Ingestion
import Model
import Postgres
import Testing

@testable import Exporting

/// What goes along with the hits of a query.
@Suite struct ContextTests {
  /// Ten messages an hour apart over two days, by turns of two people.
  private static let lines = (0..<10).map {
    SampleHistory.message(
      "m\($0)", "room", $0.isMultiple(of: 2) ? "ann" : "bob",
      "2026-01-0\($0 < 6 ? 1 : 2)T\(10 + $0):00:00Z")
  }

  private func house(_ body: (ExportHouse, [Locator]) async throws -> Void) async throws {
    let house = try await ExportHouse()
    do {
      _ = try await house.ingest(Self.lines)
      let tenant = try await house.directory().tenant.id
      let all = try await house.database.transaction { tx in
        try Locators.scan(tenant: tenant, states: [.live], after: nil, limit: 100, in: tx)
      }
      try await body(house, all.sorted { $0.position < $1.position })
    } catch {
      await house.close()
      throw error
    }
    await house.close()
  }

  private func query(_ context: ExportQuery.Context) -> ExportQuery {
    ExportQuery(text: "words", context: context, threads: false, complete: true)
  }

  @Test func contextIsAddedOnceWhereHitsOverlap() async throws {
    try await house { house, all in
      let exporter = try await house.exporter()
      let cases: [([Int], ExportQuery.Context, [Int])] = [
        ([3], .none, [3]), ([3], .messages(1), [2, 3, 4]), ([3, 4], .messages(2), [1, 2, 3, 4, 5, 6]),
        ([0, 9], .messages(1), [0, 1, 8, 9]), ([1, 3], .day, [0, 1, 2, 3, 4, 5]), ([7], .day, [6, 7, 8, 9]),
        ([], .day, []),
      ]
      for (number, (hits, context, expected)) in cases.enumerated() {
        let selection = try await exporter.narrow(
          ExportSelection(), to: hits.map { all[$0] }, mates: [], context: context, stating: query(context))
        #expect(
          selection.query?.hits == hits.count && selection.query?.around == expected.count - hits.count,
          "case \(number)")
        let path = house.root + "/case-\(number)"
        let record = try await exporter.create(
          selection, formats: [.jsonl], output: path, actor: "Grace")
        #expect(try house.messageIDs(path) == expected.map { "m\($0)" }, "case \(number)")
        #expect(record.isComplete && record.counts.messages == expected.count, "case \(number)")
        #expect(try Exporter.verify(path: path).isValid, "case \(number)")
      }
    }
  }

  @Test func hitsSatisfyTheRestAndTheirContextNeedNot() async throws {
    try await house { house, all in
      let exporter = try await house.exporter()
      let ann = try await exporter.selection(subject: "ann", to: Timestamp(civil: 2026, 1, 2))
      let selection = try await exporter.narrow(
        ann, to: all, mates: [all[9]], context: .messages(1), stating: query(.messages(1)))
      #expect(selection.query?.hits == 3)
      #expect(try await exporter.estimate(selection).messages == 7)
      let custodians = try await exporter.custodians(selection)
      #expect(custodians.map(\.id) == ["bob", "ann"] && custodians.map(\.messages) == [4, 3])
      #expect(try await exporter.custodians(ann).map(\.messages) == [3])
      _ = try await exporter.create(selection, formats: [.jsonl], output: house.root + "/one", actor: "Grace")
      #expect(try house.messageIDs(house.root + "/one") == ["m0", "m1", "m2", "m3", "m4", "m5", "m9"])
      let manifest = try String(contentsOfFile: house.root + "/one/manifest.json", encoding: .utf8)
      #expect(manifest.contains(#""text" : "words""#) && manifest.contains(#""context" : "1""#))
    }
  }

  @Test func anIndexThatCannotAnswerIsSaid() async throws {
    try await house { house, all in
      let exporter = try await house.exporter()
      let selection = try await exporter.narrow(
        ExportSelection(), to: [all[0]], mates: [], context: .none,
        stating: ExportQuery(text: "words", context: .none, threads: false, complete: false))
      let record = try await exporter.create(
        selection, formats: [.jsonl], output: house.root + "/one", actor: "Grace")
      #expect(!record.isComplete)
      let warnings = try String(contentsOfFile: house.root + "/one/warnings.txt", encoding: .utf8)
      #expect(warnings.contains("query: messages may be missing"))
    }
  }

  @Test func contextIsReadAsItIsWritten() {
    #expect(ExportQuery.Context("day") == .day && ExportQuery.Context("0") == ExportQuery.Context.none)
    #expect(ExportQuery.Context("1000") == .messages(1_000))
    for text in ["1001", "-1", "days", ""] { #expect(ExportQuery.Context(text) == nil) }
  }
}
