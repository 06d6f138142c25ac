import QATCore
import QATIR

/// Reads any bytes as a graph in text form; what is one prints and parses back to an equal graph.
@_cdecl("LLVMFuzzerTestOneInput")
public func readText(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = UnsafeBufferPointer(start: start, count: count)
  guard let text = String(validating: bytes, as: UTF8.self),
    let graph = try? Graph(text: text)
  else { return 0 }
  let printed = graph.text()
  do {
    let again = try Graph(text: printed)
    precondition(again == graph, "parsed, but printed differently:\n\(printed)\n\(again.text())")
  } catch { fatalError("parsed, but what it prints does not parse: \(error)\n\(printed)") }
  return 0
}
