import CQATSchema
public import QATCore

/// One tensor in a file of its own (`input_0.pb`).
public enum TensorFile {
  /// - Throws: `io`, `malformed-file`.
  public static func read(_ path: String) throws(Diagnostic) -> (name: String?, tensor: AnyTensor) {
    do throws(Diagnostic) {
      let source = MessageSource(try MappedFile(path: path))
      let reader = ModelReader(source: source, folder: folder(of: path))
      return unsafe try source.decode(Qat__Onnx__Tensor.self) { message throws(Diagnostic) in
        let (name, tensor) = unsafe try reader.tensor(message, at: .root)
        return (name.isEmpty ? nil : name, tensor)
      }
    } catch { throw error.place == path ? error : error.at(path) }
  }

  /// Writes a tensor, atomically.
  public static func write(_ tensor: AnyTensor, name: String, to path: String) throws(Diagnostic) {
    let arena = MessageArena()
    let message = unsafe arena.copy(Qat__Onnx__Tensor.empty)
    unsafe message.pointee.setContents(to: tensor, arena)
    unsafe message.pointee.name = unsafe arena.optionalText(name)
    unsafe try arena.write(message, to: path, what: "the tensor")
  }
}
