import CProtobufC
import CQATSchema
import QATCore

/// What a message of a file says beyond what the plain values hold: documentation, annotations, fields
/// of later versions. In the file format, as a message of the same kind, so that writing starts from
/// it and loses nothing.
public struct Leftovers: Sendable, Hashable {
  /// Fields as the file has them.
  public var bytes: [UInt8]

  public init(bytes: [UInt8] = []) { self.bytes = bytes }

  /// Whether there is nothing left.
  public var isEmpty: Bool { bytes.isEmpty }

  /// Something of the message; `nil` where the bytes are no such message.
  func read<M: CMessage, Value>(_: M.Type, _ body: (M) -> Value) -> Value? {
    let arena = MessageArena()
    do throws(Diagnostic) {
      return unsafe body(try arena.message(M.self, from: self).pointee)
    } catch {
      return nil
    }
  }

  /// Changes the message; bytes that are none stay as they are, for the writer to refuse.
  mutating func change<M: CMessage>(_: M.Type, _ body: (inout M, MessageArena) -> Void) {
    let arena = MessageArena()
    do throws(Diagnostic) {
      let message = unsafe try arena.message(M.self, from: self)
      unsafe body(&message.pointee, arena)
      bytes = unsafe message.pointee.packed
    } catch {}
  }
}

extension CMessage {
  /// Without the token that says where the message stands.
  var withoutPlace: Self {
    var result = self
    unsafe result.base.n_unknown_fields -= 1
    return result
  }
}

// MARK: - What remains without the contents

extension Qat__Onnx__Model {
  var leftovers: Self {
    var rest = unsafe self
    unsafe rest.has_ir_version = 0
    unsafe rest.producer_name = nil
    unsafe rest.producer_version = nil
    unsafe rest.graph = nil
    unsafe rest.n_opset_import = 0
    unsafe rest.n_metadata_props = 0
    unsafe rest.n_functions = 0
    return unsafe rest
  }
}

extension Qat__Onnx__Graph {
  var leftovers: Self {
    var rest = unsafe self
    unsafe rest.name = nil
    unsafe rest.n_node = 0
    unsafe rest.n_initializer = 0
    unsafe rest.n_sparse_initializer = 0
    unsafe rest.n_input = 0
    unsafe rest.n_output = 0
    unsafe rest.n_value_info = 0
    return unsafe rest
  }
}

extension Qat__Onnx__Node {
  /// Its attributes are left to the caller.
  var leftovers: Self {
    var rest = unsafe self
    unsafe rest.n_input = 0
    unsafe rest.n_output = 0
    unsafe rest.name = nil
    unsafe rest.op_type = nil
    unsafe rest.domain = nil
    unsafe rest.n_attribute = 0
    unsafe rest.n_metadata_props = 0
    return unsafe rest
  }
}

extension Qat__Onnx__Attribute {
  /// Its name and its tensor are left to the caller.
  var leftovers: Self {
    var rest = unsafe self
    unsafe rest.name = nil
    unsafe rest.has_f = 0
    unsafe rest.has_i = 0
    unsafe rest.has_s = 0
    unsafe rest.t = nil
    unsafe rest.has_g = 0
    unsafe rest.n_floats = 0
    unsafe rest.n_ints = 0
    unsafe rest.n_strings = 0
    unsafe rest.n_tensors = 0
    unsafe rest.n_graphs = 0
    unsafe rest.has_tp = 0
    unsafe rest.n_type_protos = 0
    unsafe rest.has_sparse_tensor = 0
    unsafe rest.n_sparse_tensors = 0
    unsafe rest.has_type = 0
    return unsafe rest
  }
}

extension Qat__Onnx__Tensor {
  /// Its name is left to the caller.
  var leftovers: Self {
    var rest = unsafe self
    unsafe rest.n_dims = 0
    unsafe rest.has_data_type = 0
    unsafe rest.n_float_data = 0
    unsafe rest.n_int32_data = 0
    unsafe rest.n_string_data = 0
    unsafe rest.n_int64_data = 0
    unsafe rest.has_raw_data = 0
    unsafe rest.n_double_data = 0
    unsafe rest.n_uint64_data = 0
    unsafe rest.n_external_data = 0
    unsafe rest.has_data_location = 0
    return unsafe rest
  }
}
