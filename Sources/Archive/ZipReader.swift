import CArchive
import Glibc

/// Reads a ZIP file from the disk, also one that was cut into parts, entry after entry.
@safe
package final class ZipReader {
  package struct Entry: Sendable, Hashable {
    package let name: String
    /// A plain file, as opposed to a folder or a link.
    package let isFile: Bool
  }

  private static let blockBytes = 1 << 16
  private let archive: OpaquePointer

  /// - Parameter paths: the parts of one file, in order.
  package init(_ paths: [String]) throws(ArchiveError) {
    guard let archive = unsafe archive_read_new() else { throw ArchiveError(.outOfMemory) }
    unsafe self.archive = archive
    unsafe archive_read_support_format_zip_seekable(archive)
    var names = unsafe paths.map { unsafe UnsafePointer(strdup($0)) } + [nil]
    defer { unsafe names.forEach { unsafe free(UnsafeMutablePointer(mutating: $0)) } }
    guard unsafe archive_read_open_filenames(archive, &names, Self.blockBytes) == ARCHIVE_OK else {
      throw unsafe Self.error(archive)
    }
  }

  deinit { unsafe archive_read_free(archive) }

  /// The next entry; what was not read of the one before is skipped.
  package func next() throws(ArchiveError) -> Entry? {
    var entry: OpaquePointer?
    let archive = unsafe self.archive
    let (status, name) = withUTF8Locale { () -> (CInt, String?) in
      let status = unsafe archive_read_next_header(archive, &entry)
      guard status >= ARCHIVE_WARN, let entry = unsafe entry else { return (status, nil) }
      return (status, unsafe archive_entry_pathname(entry).map { unsafe String(cString: $0) })
    }
    if status == ARCHIVE_EOF { return nil }
    guard status == ARCHIVE_OK, let name, let entry = unsafe entry else {
      throw unsafe Self.error(archive)
    }
    return Entry(name: name, isFile: unsafe archive_entry_filetype(entry) == 0o100000)
  }

  /// Up to `count` bytes of the entry; empty at its end. Checks its checksum there.
  package func read(upTo count: Int) throws(ArchiveError) -> [UInt8] {
    precondition(count > 0)
    var status = 0
    let archive = unsafe self.archive
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      status = unsafe archive_read_data(archive, buffer.baseAddress, count)
      filled = max(status, 0)
    }
    guard status >= 0 else { throw unsafe Self.error(archive) }
    return bytes
  }

  private static func error(_ archive: OpaquePointer) -> ArchiveError {
    let number = unsafe archive_errno(archive)
    switch number {
    case ENOMEM: return ArchiveError(.outOfMemory, number: number)
    // ARCHIVE_ERRNO_FILE_FORMAT and ARCHIVE_ERRNO_MISC, which the headers keep to themselves.
    case EILSEQ, EINVAL, -1: return ArchiveError(.damaged, number: number)
    default: return ArchiveError(.system, number: number)
    }
  }
}
