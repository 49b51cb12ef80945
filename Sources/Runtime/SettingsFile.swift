import Foundation
import Yams

/// Files that people write may be YAML; what reads them wants JSON.
package enum SettingsFile {
  package static func json(fromYAML text: String) throws -> String {
    do {
      let value = try Yams.load(yaml: text) ?? [String: Any]()
      guard JSONSerialization.isValidJSONObject(value) else {
        throw SettingsError("the file must hold a mapping")
      }
      return String(
        decoding: try JSONSerialization.data(withJSONObject: value, options: [.sortedKeys]), as: UTF8.self)
    } catch let error as SettingsError {
      throw error
    } catch {
      throw SettingsError("the file is neither valid YAML nor JSON")
    }
  }
}
