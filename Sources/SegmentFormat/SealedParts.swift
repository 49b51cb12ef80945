import Model

/// A sealed body (tag 3 of a payload) in its parts. Unlike ``SealedBody`` it keeps wrapped keys as a list: what a
/// frozen segment gives back must not hang on which texts a later Unicode takes for equal, or orders in another way.
struct SealedParts {
  var ciphertext: [UInt8]
  var keyID: [UInt8]?
  /// Whom each wrapped key is for, in UTF-8, and the key.
  var wrappedKeys: [(name: [UInt8], key: [UInt8])] = []

  init(ciphertext: [UInt8]) { self.ciphertext = ciphertext }

  init(bytes: [UInt8]) throws(MalformedBytes) {
    var reader = ByteReader(bytes)
    self.init(ciphertext: try reader.blob())
    if try reader.byte() == 1 { keyID = try reader.blob() }
    while !reader.atEnd { wrappedKeys.append((try reader.blob(), try reader.blob())) }
  }

  var bytes: [UInt8] {
    var writer = ByteWriter(reservingCapacity: ciphertext.count + 64)
    writer.blob(ciphertext)
    writer.byte(keyID == nil ? 0 : 1)
    if let keyID { writer.blob(keyID) }
    for (name, key) in wrappedKeys {
      writer.blob(name)
      writer.blob(key)
    }
    return writer.bytes
  }
}
