import Server

extension SettingReader {
  func isOn(_ name: String) throws -> Bool {
    switch values[name] ?? "off" {
    // YAML reads `on` and `off` as truth values.
    case "on", "true": return true
    case "off", "false": return false
    default: throw refusal(name)
    }
  }

  func needsApproval() throws -> Bool {
    switch values["retention.approval"] ?? "off" {
    case "second_person": return true
    // YAML reads `off` as a truth value.
    case "off", "false": return false
    default: throw refusal("retention.approval")
    }
  }

  func openDSR() throws -> OpenDSRSettings {
    let domain = values["opendsr.domain"] ?? ""
    let isName = domain.utf8.allSatisfy {
      (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x2E
    }
    guard isName, (1...253).contains(domain.utf8.count) else { throw refusal("opendsr.domain") }
    let base = values["opendsr.base_url"] ?? ""
    guard base.isEmpty || ((base.hasPrefix("https://") || base.hasPrefix("http://")) && !base.hasSuffix("/"))
    else { throw refusal("opendsr.base_url") }
    return OpenDSRSettings(
      domain: domain, baseURL: base, allowsPrivateAddresses: try isOn("opendsr.private_callbacks"),
      certificate: try processorCertificate())
  }

  private func processorCertificate() throws -> ProcessorCertificate.Files? {
    let certificate = values["opendsr.certificate_file"] ?? ""
    let key = values["opendsr.key_file"] ?? ""
    guard certificate.isEmpty == key.isEmpty else {
      throw refusal(key.isEmpty ? "opendsr.key_file" : "opendsr.certificate_file")
    }
    return key.isEmpty ? nil : ProcessorCertificate.Files(certificate: certificate, key: key)
  }
}
