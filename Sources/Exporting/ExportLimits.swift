/// What exports of one tenant may take, and how they go about it.
package struct ExportLimits: Sendable, Hashable {
  /// After so long the content of a package below the home is removed; `nil`: never.
  package var expirySeconds: Int64? = 30 * 86_400
  /// Packages below the home whose content is there; `nil`: as many as there is room for.
  package var packagesMax: Int?
  /// Of those packages together.
  package var bytesMax: Int64?
  /// Exports that may run at once.
  package var runningMax = 8
  /// How long an interrupted export can be gone on with.
  package var resumeSeconds: Int64 = 86_400
  /// `nil`: as fast as it can.
  package var messagesPerSecond: Int?
  /// Messages after which a run writes down how far it is.
  package var checkpointMessages = 20_000
  /// Or so long after it last did.
  package var checkpointInterval = Duration.seconds(2)
  /// Files of a package that are in memory at once; more are listed in a file of their own.
  package var filesHeld = 10_000
  /// Messages that are read at once.
  package var pageMessages = 1_024

  /// No more than are due within a second.
  var page: Int { min(pageMessages, messagesPerSecond ?? pageMessages) }

  package init() {}
}
