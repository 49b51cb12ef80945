package import Catalog
package import Model
import SegmentFormat
import Segments
import Sodium
import Zstd

extension HistoryReader {
  /// As ``messages(_:states:)``; those that damage keeps from being read are named instead of failing
  /// the others. Each place is tried by itself only if they cannot be read together.
  ///
  /// - Parameters:
  ///   - lanes: whose keys will be wanted, as far as that is known: they are asked for beside the rows.
  ///   - states: of what is wanted.
  package func readable(
    _ places: [MessagePlace], lanes: Set<LaneID> = [], states: Set<Locator.State> = [.live]
  ) async throws -> (messages: [HistoricMessage], damaged: [MessagePlace]) {
    guard let tenant = places.first?.tenant else { return ([], []) }
    do {
      return (try await messages(at: places, lanes: lanes, tenant: tenant, states: states), [])
    } catch  where Self.isDamage(error) {
      var messages: [HistoricMessage] = []
      var damaged: [MessagePlace] = []
      for place in places {
        do {
          messages += try await self.messages([place], states: states)
        } catch  where Self.isDamage(error) {
          damaged.append(place)
        }
      }
      return (messages, damaged)
    }
  }

  /// Whether reading failed because what is stored is not what was written, rather than because a store or the
  /// database was away: trying again will not help then.
  package static func isDamage(_ error: any Error) -> Bool {
    switch error {
    case is SegmentError, is MalformedBytes, is CryptographyError, is ZstdError: true
    case let error as SegmentStoreError: error.isDamage
    default: false
    }
  }

  /// A stretch of the archive that could not be read, as far as it lies in the span that was asked for.
  package struct Gap: Sendable, Hashable {
    package enum Reason: String, Sendable {
      /// What is stored is not what was written, or is missing.
      case unreadable = "archive_unreadable"
      /// The store did not answer, or not us; trying again may help.
      case unavailable = "archive_unavailable"
    }
    package let first: MessagePosition
    package let last: MessagePosition
    package let reason: Reason

    init(_ block: BlockRow, in span: Span, _ reason: Reason) {
      first = max(block.first, span.after)
      last = min(block.last, span.before)
      self.reason = reason
    }
  }

  /// As ``page(_:limit:states:)``, of live messages; blocks that cannot be read are named instead of failing the page.
  package func readablePage(_ span: Span, limit: Int) async throws -> (
    messages: [HistoricMessage], gaps: [Gap]
  ) {
    var gaps: [Gap] = []
    let messages = try await page(span, limit: limit, states: [.live]) { block, error in
      guard let reason = Self.reason(error) else { throw error }
      let gap = Gap(block, in: span, reason)
      if !gaps.contains(gap) { gaps.append(gap) }
    }
    return (messages, gaps)
  }

  /// As ``page(_:limit:states:)``; damaged blocks are named instead of failing the page. A store that does not answer
  /// fails it, as it may another time.
  ///
  /// - Parameter whole: the span the pages are parts of: gaps are told as far as they lie in that. A block that reaches
  ///   beyond a page comes with the next one too.
  package func undamagedPage(
    _ span: Span, of whole: Span, limit: Int, states: Set<Locator.State> = [.live]
  ) async throws -> (messages: [HistoricMessage], gaps: [Gap]) {
    var gaps: [Gap] = []
    let messages = try await page(span, limit: limit, states: states) { block, error in
      guard Self.isDamage(error) else { throw error }
      let gap = Gap(block, in: whole, .unreadable)
      if !gaps.contains(gap) { gaps.append(gap) }
    }
    return (messages, gaps)
  }

  /// `nil` for what has nothing to do with the archive.
  private static func reason(_ error: any Error) -> Gap.Reason? {
    if isDamage(error) { return .unreadable }
    return error is SegmentStoreError ? .unavailable : nil
  }
}
