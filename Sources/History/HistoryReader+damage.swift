import Model
import SegmentFormat
import Segments
import Sodium
import Zstd

extension HistoryReader {
  /// Whether reading failed because what is stored is not what was written, rather than because a store or the
  /// database was away: trying again will not help then.
  package static func isDamage(_ error: any Error) -> Bool {
    switch error {
    case is SegmentError, is MalformedBytes, is CryptographyError, is ZstdError: true
    case let error as SegmentStoreError: !error.isRetryable
    default: false
    }
  }
}
