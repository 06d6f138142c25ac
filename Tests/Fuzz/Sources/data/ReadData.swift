import QATCore
import QATData
import QATONNX

/// Reads any bytes as each kind of data: arrays, archives of arrays, IDX, checkpoints.
@_cdecl("LLVMFuzzerTestOneInput")
public func readData(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  _ = try? NPY.decode(bytes)
  _ = try? NPZ.decode(bytes)
  _ = try? IDX.decode(bytes)
  _ = try? CheckpointFile(TensorStorage(bytes: bytes))
  return 0
}
