/// A question to the catalogue that has no good answer. `description` is safe to show.
package struct CatalogError: Error, CustomStringConvertible {
  package enum Code: String, Sendable {
    case schemaMismatch = "schema_mismatch"
    case unknownTenant = "unknown_tenant"
    case staleDirectory = "stale_directory"
  }
  package let code: Code
  package let description: String

  package init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
