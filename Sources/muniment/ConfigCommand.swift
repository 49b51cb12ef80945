import ArgumentParser
import Runtime

struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Settings.", subcommands: [Show.self])

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "Settings in force, or with --defaults every setting there is.")
    @OptionGroup var common: CommonOptions
    @Flag(help: "Every setting with default, range and meaning.")
    var defaults = false

    private struct Row: Encodable {
      let name: String
      let value: String
      let environment: String?
      let range: String
      let meaning: String
    }

    func run() throws {
      let shown =
        defaults
        ? SettingKey.all.map { ($0, $0.fallback) } : try common.settings().shown.map { ($0.key, $0.value) }
      for (key, value) in shown {
        try common.output.value(
          Row(
            name: key.name, value: value, environment: key.environment, range: key.range, meaning: key.meaning
          ),
          text: """
            # \(key.meaning)
            # allowed: \(key.range)\(key.environment.map { "; environment: \($0)" } ?? "")
            \(key.name): \(value.isEmpty ? "\"\"" : value)

            """)
      }
    }
  }
}
