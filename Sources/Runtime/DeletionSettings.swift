import Foundation
import Sodium

/// Whether and how clients are told what was deleted.
package struct DeletionSettings: Sendable {
  package struct Webhook: Sendable {
    package let url: String
    let secret: SecretBytes
  }
  /// Whether notices are written: for somebody who reads them, as otherwise ids would be kept for nobody.
  package var isOn: Bool
  package var webhook: Webhook?
  package var keepSeconds: Int64
}

extension SettingReader {
  func deletions() throws -> DeletionSettings {
    let url = values["deletions.webhook_url"] ?? ""
    var webhook: DeletionSettings.Webhook?
    if !url.isEmpty {
      guard url.hasPrefix("https://") || url.hasPrefix("http://"), URLComponents(string: url)?.host != nil
      else {
        throw refusal("deletions.webhook_url")
      }
      webhook = .init(url: url, secret: try webhookSecret())
    }
    let keep = try duration("deletions.keep")
    guard keep >= 86_400 else { throw refusal("deletions.keep") }
    return DeletionSettings(
      isOn: try isOn("deletions.outbox") || webhook != nil, webhook: webhook, keepSeconds: keep)
  }

  private func webhookSecret() throws -> SecretBytes {
    if let secret = try secret("deletions.webhook_secret") { return SecretBytes(Array(secret.utf8)) }
    let path = values["deletions.webhook_secret_file"] ?? ""
    guard !path.isEmpty, let data = FileManager.default.contents(atPath: path) else {
      throw refusal("deletions.webhook_secret_file")
    }
    let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    guard text.utf8.count >= 32 else { throw refusal("deletions.webhook_secret_file") }
    return SecretBytes(Array(text.utf8))
  }
}
