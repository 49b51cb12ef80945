import ArgumentParser
import Foundation
import Logging
import Runtime
import Server

struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "HTTP API, console, index and scheduler; stops cleanly on SIGTERM.",
    discussion: "Logs are JSON, one object a line, on standard error.")

  @OptionGroup var common: CommonOptions
  @Option(help: "Address to listen on.")
  var host = "127.0.0.1"
  @Option(help: "Port to listen on; 0: any that is free.")
  var port = 8080

  private struct Listening: Encodable {
    let host: String
    let port: Int
  }

  func validate() throws {
    guard (0...65_535).contains(port) else { throw ValidationError("--port takes 0 to 65535") }
  }

  func run() async throws {
    let settings = try common.settings()
    let (output, host) = (common.output, host)
    try await Application.with(settings) { application in
      let logger = Logger(label: "muniment") { JSONLogHandler(label: $0) }
      try await application.serve(host: host, port: port, version: Version.text, logger: logger) { port in
        try? output.value(
          Listening(host: host, port: port),
          text: "muniment \(Version.text) listens on http://\(host):\(port)")
      }
    }
  }
}
