/// The keystore or a wrapped key is not what it should be. `description` names the file concerned and what to do.
package struct KeyVaultError: Error, CustomStringConvertible {
  package enum Code: String, Sendable {
    /// A file of the keystore, or all of it, is not there.
    case missing
    /// A key file that others than its owner may read.
    case permissions
    /// Sealed under another key, changed, or moved from its place.
    case notAuthentic
    /// Not in a form this version knows.
    case malformed
    /// The root key's command failed.
    case command
    /// The keystore lacks an epoch the database uses: one of the two was restored from a backup too old.
    case keystoreBehind
    /// The operating system refused.
    case system
  }

  package let code: Code
  package let description: String
  package var isRetryable: Bool { false }

  package init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
