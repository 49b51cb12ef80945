import ArgumentParser
import Foundation
import Runtime

/// What every verb takes.
struct CommonOptions: ParsableArguments {
  @Option(help: "Data directory (default: $MUNIMENT_HOME or ./muniment-data).")
  var home: String?
  @Flag(help: "Print JSON: one object, or one a line where the verb lists.")
  var json = false
  @Flag(help: "Print nothing but errors.")
  var quiet = false
  @Flag(help: "Show progress even when stderr is not a terminal.")
  var progress = false

  func settings() throws -> Settings { try Settings(home: home) }

  var output: Output { Output(json: json, quiet: quiet) }
  var meter: ProgressMeter { ProgressMeter(isOn: !quiet && (progress || isatty(STDERR_FILENO) == 1)) }
}

/// Who acts; goes into the audit log.
struct ActorOptions: ParsableArguments {
  @Option(name: .customLong("by"), help: "Who acts (default: the operating system's user).")
  var actor: String?

  var name: String { actor ?? NSUserName() }
}

struct TenantOptions: ParsableArguments {
  @Option(help: "Tenant (default: default).")
  var tenant: String?
}
