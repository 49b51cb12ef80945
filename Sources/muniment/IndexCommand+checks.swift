import ArgumentParser
import Catalog
import Runtime
import Search
import SearchIndex

/// What differs between index and catalogue, as commands print it.
private struct ComparisonReport: Encodable {
  let compared: Int
  let missing: Int
  let leftover: Int
  let stale: Int
  let unknown: Int
  let rebuilt: [Int]
  let healed: Int

  init(_ comparison: IndexComparison) {
    compared = comparison.compared
    missing = comparison.count(.missing)
    leftover = comparison.count(.leftover)
    stale = comparison.count(.stale)
    unknown = comparison.count(.unknown)
    rebuilt = comparison.beyondHealing.sorted()
    healed = comparison.healed
  }

  var text: String {
    "compared \(compared) messages: missing \(missing), left over \(leftover), stale \(stale), unknown \(unknown), "
      + "healed \(healed)"
  }
}

extension IndexCommand {
  struct CheckIndex: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check", abstract: "Check every shard's files; exit 5 on damage or difference.",
      discussion: "`serve` rebuilds groups that are found damaged, by whomever.")
    @OptionGroup var common: CommonOptions
    @Flag(help: "Rebuild damaged groups beside what is left of them.")
    var `repair` = false
    @Flag(help: "Also compare the index with the catalogue.")
    var againstCatalogue = false
    @Flag(help: "With --against-catalogue: compare the words of every message, not only of changed ones.")
    var deep = false

    private struct Problem: Encodable {
      let group: Int
      let detail: String
    }

    func run() async throws {
      let isSound = try await Application.with(try common.settings()) { application in
        let areFilesSound = try await checkFiles(application)
        guard againstCatalogue, areFilesSound else { return areFilesSound }
        let comparison = try await application.compareIndex(deep: deep, healing: false)
        let report = ComparisonReport(comparison)
        try common.output.value(report, text: report.text)
        return comparison.isClean
      }
      if isSound { common.output.note("the index is sound") } else { throw ExitStatus.verificationFailed }
    }

    private func checkFiles(_ application: Application) async throws -> Bool {
      var isSound = true
      for group in 0..<application.settings.indexGroups {
        let problems = try await application.checkFiles(group: group)
        for problem in problems {
          try common.output.value(
            Problem(group: group, detail: problem.description),
            text: "\(problem.description); next: muniment index check --repair")
        }
        guard !problems.isEmpty else { continue }
        guard `repair` else {
          isSound = false
          continue
        }
        try await application.repair(group: group)
        common.output.note("group \(group) is rebuilt")
      }
      return isSound
    }
  }

  struct ReconcileIndex: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "reconcile",
      abstract: "Find and heal differences between the index and the catalogue; exit 5 if some are left.")
    @OptionGroup var common: CommonOptions
    @Flag(help: "Compare the words of every message, not only of changed ones. Reads all messages.")
    var deep = false

    func run() async throws {
      let comparison = try await Application.with(try common.settings()) {
        try await $0.compareIndex(deep: deep, healing: true)
      }
      let report = ComparisonReport(comparison)
      try common.output.value(report, text: report.text)
      if comparison.healed < comparison.differences.count { throw ExitStatus.verificationFailed }
    }
  }
}
