/// When a batch of feed steps is committed: at whichever of these it reaches first.
package struct IndexingLimits: Sendable, Hashable {
  /// Steps of the feed. Met far behind only, as after an import; what follows along commits as little as there is.
  package var steps = 20_000
  /// Bytes of terms; Xapian holds several times as much until the commit.
  package var bytes = 32 << 20
  /// Bytes of messages read at a time, as they are stored or opened: what comes after them is read once they are
  /// documents. Of archived messages with edits that were not folded the edits count with neither.
  package var readBytes = 16 << 20
  /// Since reading the batch began. Slow reads, as of a cold archive, do not keep from searches what is read already.
  package var time = Duration.seconds(1)

  package init() {}
}
