package import Catalog
import Model
import SegmentFormat
import Segments
import Sodium
import Zstd

extension HistoryReader {
  /// As ``messages(_:states:)``, of live messages; those that damage keeps from being read are named instead of failing
  /// the others. Each place is tried by itself only if they cannot be read together.
  ///
  /// - Parameter known: the messages' locators, if they were just read.
  package func readable(_ places: [MessagePlace], known: [Locator]? = nil) async throws -> (
    messages: [HistoricMessage], damaged: [MessagePlace]
  ) {
    do {
      if let known { return (try await messages(of: known), []) }
      return (try await messages(places), [])
    } catch  where Self.isDamage(error) {
      var messages: [HistoricMessage] = []
      var damaged: [MessagePlace] = []
      for place in places {
        do {
          messages += try await self.messages([place])
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
}
