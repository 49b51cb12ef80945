import CArchive
import Glibc

/// Makes a ZIP file (with ZIP64 where it is needed), piece by piece, without touching a disk: what is ready is
/// taken with ``take()``.
@safe
package final class ZipWriter {
  /// How often libarchive hands bytes on.
  private static let blockBytes: CInt = 1 << 16

  private final class Output { var bytes: [UInt8] = [] }

  private let archive: OpaquePointer
  private let output = Output()

  /// - Parameter stored: entries as they are, for what is compressed or encrypted already.
  package init(stored: Bool = false) throws(ArchiveError) {
    guard let archive = unsafe archive_write_new() else { throw ArchiveError(.outOfMemory) }
    unsafe self.archive = archive
    let options = "zip:hdrcharset=UTF-8,zip:compression=" + (stored ? "store" : "deflate")
    // The box outlives the archive, which `deinit` frees first.
    let context = unsafe Unmanaged.passUnretained(output).toOpaque()
    let status = withUTF8Locale {
      unsafe min(
        archive_write_set_format_zip(archive), archive_write_set_options(archive, options),
        archive_write_set_bytes_per_block(archive, Self.blockBytes),
        archive_write_set_bytes_in_last_block(archive, 1),
        archive_write_open2(
          archive, context, nil,
          { _, context, buffer, count in
            guard let context = unsafe context, let buffer = unsafe buffer else { return 0 }
            let output = unsafe Unmanaged<Output>.fromOpaque(context).takeUnretainedValue()
            unsafe output.bytes.append(contentsOf: UnsafeRawBufferPointer(start: buffer, count: count))
            return count
          }, nil, nil))
    }
    guard status == ARCHIVE_OK else { throw unsafe Self.error(archive) }
  }

  deinit { unsafe archive_write_free(archive) }

  /// Begins a file; the one before ends.
  /// - Parameters:
  ///   - size: if it is known; the file must have exactly as many bytes.
  ///   - modified: seconds since 1970.
  package func begin(_ name: String, size: Int? = nil, modified: Int64) throws(ArchiveError) {
    guard let entry = unsafe archive_entry_new() else { throw ArchiveError(.outOfMemory) }
    defer { unsafe archive_entry_free(entry) }
    unsafe archive_entry_set_filetype(entry, 0o100000)
    unsafe archive_entry_set_perm(entry, 0o644)
    unsafe archive_entry_set_mtime(entry, Int(modified), 0)
    if let size { unsafe archive_entry_set_size(entry, Int64(size)) }
    let archive = unsafe self.archive
    let status = withUTF8Locale {
      unsafe archive_entry_copy_pathname(entry, name)
      return unsafe archive_write_header(archive, entry)
    }
    guard status == ARCHIVE_OK else { throw unsafe Self.error(archive) }
  }

  package func write(_ bytes: [UInt8]) throws(ArchiveError) {
    guard !bytes.isEmpty else { return }
    let written = unsafe archive_write_data(archive, bytes, bytes.count)
    guard written == bytes.count else { throw unsafe Self.error(archive) }
  }

  /// Ends the last file and the archive; ``take()`` gives the rest.
  package func finish() throws(ArchiveError) {
    guard unsafe archive_write_close(archive) == ARCHIVE_OK else { throw unsafe Self.error(archive) }
  }

  /// What is ready and was not taken yet.
  package func take() -> [UInt8] {
    defer { output.bytes.removeAll(keepingCapacity: true) }
    return output.bytes
  }

  package var ready: Int { output.bytes.count }

  private static func error(_ archive: OpaquePointer) -> ArchiveError {
    let number = unsafe archive_errno(archive)
    return ArchiveError(number == ENOMEM ? .outOfMemory : .system, number: number)
  }

  /// A small archive in one go.
  package static func archive(_ files: [(name: String, bytes: [UInt8])], modified: Int64)
    throws(ArchiveError) -> [UInt8]
  {
    let writer = try ZipWriter()
    for file in files {
      try writer.begin(file.name, size: file.bytes.count, modified: modified)
      try writer.write(file.bytes)
    }
    try writer.finish()
    return writer.take()
  }
}
