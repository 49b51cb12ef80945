/// How large generations become.
package struct GenerationLimits: Sendable, Hashable {
  /// Documents at which the hot generation is frozen and sealed. Small enough that an import out of order is soon in
  /// order of time, large enough that there are few of them.
  package var hotDocuments = 250_000
  /// Documents of a sealed generation beyond which it is not merged with others any more.
  package var sealedDocuments = 8_000_000
  /// Sealed generations of about the same size that are merged into one.
  package var mergeWidth = 4

  package init() {}
}
