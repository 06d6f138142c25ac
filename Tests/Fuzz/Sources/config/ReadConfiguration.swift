import QATConfig
import QATCore

/// Reads any bytes as a configuration and as a calibration table.
@_cdecl("LLVMFuzzerTestOneInput")
public func readConfiguration(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = UnsafeBufferPointer(start: start, count: count)
  guard let text = String(validating: bytes, as: UTF8.self) else { return 0 }
  if let config = try? QuantizationConfig(yaml: text) {
    let written = config.yaml
    do {
      let again = try QuantizationConfig(yaml: written)
      precondition(again.yaml == written, "reads back as another one:\n\(written)\n\(again.yaml)")
    } catch { fatalError("read, but what it writes is refused: \(error)\n\(written)") }
  }
  _ = try? CalibrationTable(yaml: text)
  return 0
}
