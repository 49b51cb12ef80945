import Foundation
import History
import Hummingbird

/// Reports for officers.
enum ReportRoutes {
  static let all = [Route.get("/v1/reports/processing", [.compliance, .dpo, .admin], processing)]

  /// Records of processing of the tenant (GDPR Art. 30).
  @Sendable private static func processing(_ call: Call) async throws -> Response {
    let format = call.value("format") ?? "json"
    guard ["json", "markdown"].contains(format) else {
      throw Problem.badRequest("format takes json or markdown")
    }
    let report = try await call.services.hooks.processingReport(try await call.directory().tenant)
    return format == "json"
      ? Reply.json(report) : Reply.text(report.markdown, type: "text/markdown; charset=utf-8")
  }
}
