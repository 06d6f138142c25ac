import CProtobufC
import CQATSchema

/// A C struct that `protoc-c` made of a message of `schemas/`.
///
/// Such structs stay inside QATONNX: readers make plain values of them, writers make them of plain
/// values.
protocol CMessage {
  /// An empty message.
  static var empty: Self { get }
  var base: ProtobufCMessage { get set }
}

extension CMessage {
  /// The table that libprotobuf-c reads and writes such a message by.
  static var descriptor: UnsafePointer<ProtobufCMessageDescriptor> { unsafe empty.base.descriptor }

  /// The message in the file format.
  var packed: [UInt8] {
    var copy = self
    // SAFETY: `copy` is a message, and messages begin with their base; the buffer has the size that
    // libprotobuf-c asks for.
    return unsafe withUnsafeMutablePointer(to: &copy) { pointer in
      let base = unsafe UnsafeRawPointer(pointer).assumingMemoryBound(to: ProtobufCMessage.self)
      let count = unsafe protobuf_c_message_get_packed_size(base)
      guard count > 0 else { return [] }
      return unsafe Array(unsafeUninitializedCapacity: count) { buffer, filled in
        filled = unsafe protobuf_c_message_pack(base, buffer.baseAddress)
      }
    }
  }
}

// MARK: - What fields hold

/// The text of a string field; empty where it is absent.
func text(_ string: UnsafePointer<CChar>?) -> String {
  // SAFETY: libprotobuf-c ends strings with a NUL.
  guard let string = unsafe string else { return "" }
  return unsafe String(cString: string)
}

/// The texts of a repeated string field.
func texts(_ count: Int, _ start: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> [String] {
  unsafe elements(count, start).map { unsafe text($0) }
}

/// The elements of a repeated field.
func elements<Element>(_ count: Int, _ start: UnsafeMutablePointer<Element>?)
  -> UnsafeBufferPointer<Element>
{
  // SAFETY: libprotobuf-c keeps a count with each list.
  unsafe UnsafeBufferPointer(start: start, count: start == nil ? 0 : count)
}

/// The entries of a list of keys and values; the last one counts where a key stands twice.
func entries(
  _ count: Int, _ start: UnsafeMutablePointer<UnsafeMutablePointer<Qat__Onnx__StringStringEntry>?>?
) -> [String: String] {
  var result: [String: String] = [:]
  for index in 0..<count {
    guard let entry = unsafe start?[index] else { continue }
    unsafe result[text(entry.pointee.key)] = unsafe text(entry.pointee.value)
  }
  return result
}

// MARK: - The messages of the schemas

extension Qat__Onnx__Model: @unsafe CMessage {
  static var empty: Self {
    var message = unsafe Self()
    unsafe qat__onnx__model__init(&message)
    return unsafe message
  }
}
extension Qat__Onnx__OpsetImport: @unsafe CMessage {
  static var empty: Self {
    var message = unsafe Self()
    unsafe qat__onnx__opset_import__init(&message)
    return unsafe message
  }
}
extension Qat__Onnx__StringStringEntry: @unsafe CMessage {
  static var empty: Self {
    var message = unsafe Self()
    unsafe qat__onnx__string_string_entry__init(&message)
    return unsafe message
  }
}
extension Qat__Onnx__Graph: @unsafe CMessage {
  static var empty: Self {
    var message = unsafe Self()
    unsafe qat__onnx__graph__init(&message)
    return unsafe message
  }
}

extension Qat__Onnx__Function: @unsafe CMessage {
  static var empty: Self {
    var message = unsafe Self()
    unsafe qat__onnx__function__init(&message)
    return unsafe message
  }
}
extension Qat__Onnx__Node: @unsafe CMessage {
  static var empty: Self {
    var message = unsafe Self()
    unsafe qat__onnx__node__init(&message)
    return unsafe message
  }
}
extension Qat__Onnx__Attribute: @unsafe CMessage {
  static var empty: Self {
    var message = unsafe Self()
    unsafe qat__onnx__attribute__init(&message)
    return unsafe message
  }
}
extension Qat__Onnx__Tensor: @unsafe CMessage {
  static var empty: Self {
    var message = unsafe Self()
    unsafe qat__onnx__tensor__init(&message)
    return unsafe message
  }
}
extension Qat__Onnx__ValueInfo: @unsafe CMessage {
  static var empty: Self {
    var message = unsafe Self()
    unsafe qat__onnx__value_info__init(&message)
    return unsafe message
  }
}
extension Qat__Onnx__Type: @unsafe CMessage {
  static var empty: Self {
    var message = unsafe Self()
    unsafe qat__onnx__type__init(&message)
    return unsafe message
  }
}
extension Qat__Onnx__TensorType: @unsafe CMessage {
  static var empty: Self {
    var message = unsafe Self()
    unsafe qat__onnx__tensor_type__init(&message)
    return unsafe message
  }
}
extension Qat__Onnx__TensorShape: @unsafe CMessage {
  static var empty: Self {
    var message = unsafe Self()
    unsafe qat__onnx__tensor_shape__init(&message)
    return unsafe message
  }
}
extension Qat__Onnx__Dimension: @unsafe CMessage {
  static var empty: Self {
    var message = unsafe Self()
    unsafe qat__onnx__dimension__init(&message)
    return unsafe message
  }
}
extension Qat__Checkpoint: @unsafe CMessage {
  static var empty: Self {
    var message = unsafe Self()
    unsafe qat__checkpoint__init(&message)
    return unsafe message
  }
}
extension Qat__RandomStream: @unsafe CMessage {
  static var empty: Self {
    var message = unsafe Self()
    unsafe qat__random_stream__init(&message)
    return unsafe message
  }
}
