import QATCore
import QATIR
import QATONNX

/// Reads any bytes as an ONNX model, verifies the graph and writes it: an error is fine, a trap is a
/// finding.
@_cdecl("LLVMFuzzerTestOneInput")
public func readModel(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  do {
    let graph = try Importer.graph(of: ModelFile(TensorStorage(bytes: bytes)))
    do { try graph.verify() } catch { fatalError("imported, but \(error)") }
    // What was imported can be exported, or refused.
    try Exporter.write(graph, to: "/dev/null")
  } catch {}
  return 0
}
