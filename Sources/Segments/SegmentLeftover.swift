import Glibc
package import Model

/// A file or object that a broken run may have left behind.
package struct SegmentLeftover: Hashable, Sendable {
  package let name: String
  package let bytes: Int64
  /// `nil` where the store does not say.
  package let modifiedAt: Timestamp?

  package init(name: String, bytes: Int64, modifiedAt: Timestamp?) {
    self.name = name
    self.bytes = bytes
    self.modifiedAt = modifiedAt
  }

  /// `nil` if the file is gone: whoever wrote it came to an end meanwhile.
  package init?(file path: String) throws(SegmentStoreError) {
    let name = String(path.split(separator: "/").last ?? "")
    var status = stat()
    guard stat(path, &status) == 0 else {
      if errno == ENOENT { return nil }
      throw SegmentStoreError.failed("looked at", name, errno)
    }
    self.init(
      name: name, bytes: Int64(status.st_size), modifiedAt: Timestamp(seconds: Int64(status.st_mtim.tv_sec)))
  }
}

extension SegmentStore {
  /// What interrupted puts left; what ``sweep()`` removes.
  package func leftovers() async throws -> [SegmentLeftover] { [] }

  package func leftover(_ name: String) async throws -> SegmentLeftover? {
    do {
      return SegmentLeftover(name: name, bytes: try await size(name), modifiedAt: nil)
    } catch let error as SegmentStoreError where error.code == .missing {
      return nil
    }
  }
}
