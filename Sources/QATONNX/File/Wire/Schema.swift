import CProtobufC
import CQATSchema

/// What the generated descriptors say of each message, as plain values: the one grammar of files, by
/// which `WireScan` checks bytes before libprotobuf-c decodes them.
struct Schema: Sendable {
  struct Message: Sendable {
    /// Bytes of the C struct.
    let size: Int
    /// Whether its decoded form ends with a token that says where in the file it stands.
    let hasPlace: Bool
    /// By number; those that the schema does not declare are missing.
    fileprivate(set) var fields: [Field?] = []

    subscript(number: Int) -> Field? { number < fields.count ? fields[number] : nil }
  }

  struct Field: Sendable {
    let name: String
    let contents: Contents
    let isRepeated: Bool
    /// Of fields with the same slot only one may stand in a message, and once: bit of a set.
    let slot: Int
  }

  enum Contents: Sendable {
    case varint
    case fixed32
    case fixed64
    case text
    case bytes
    /// An index into `messages`.
    case message(Int)
  }

  static let all = Schema()

  private(set) var messages: [Message] = []
  private var indices: [UInt: Int] = [:]

  private init() {
    unsafe add(Qat__Onnx__Model.descriptor)
    unsafe add(Qat__Onnx__Function.descriptor)
    unsafe add(Qat__Checkpoint.descriptor)
  }

  /// The index of a kind of message.
  func index<M: CMessage>(of _: M.Type) -> Int {
    guard let index = unsafe indices[UInt(bitPattern: M.descriptor)] else {
      preconditionFailure("every message is part of a model or of a checkpoint")
    }
    return index
  }

  @discardableResult
  private mutating func add(_ descriptor: UnsafePointer<ProtobufCMessageDescriptor>) -> Int {
    let key = UInt(bitPattern: descriptor)
    if let known = indices[key] { return known }
    let index = messages.count
    indices[key] = index
    let name = unsafe String(cString: descriptor.pointee.short_name)
    messages.append(
      Message(
        size: unsafe descriptor.pointee.sizeof_message,
        hasPlace: ["Tensor", "Attribute", "ValueInfo"].contains(name)))
    var fields: [Field?] = []
    // SAFETY: a descriptor has `n_fields` fields, in the order of their numbers.
    for position in 0..<Int(unsafe descriptor.pointee.n_fields) {
      let field = unsafe descriptor.pointee.fields[position]
      while fields.count < Int(unsafe field.id) { fields.append(nil) }
      fields.append(unsafe make(field, slot: position, of: descriptor))
    }
    messages[index].fields = fields
    return index
  }

  private mutating func make(
    _ field: ProtobufCFieldDescriptor, slot: Int,
    of message: UnsafePointer<ProtobufCMessageDescriptor>
  ) -> Field {
    let contents: Contents
    switch unsafe field.type {
    case PROTOBUF_C_TYPE_STRING: contents = .text
    case PROTOBUF_C_TYPE_BYTES: contents = .bytes
    case PROTOBUF_C_TYPE_MESSAGE:
      // SAFETY: the descriptor of a field that is a message is one of a message.
      contents = .message(
        unsafe add(field.descriptor.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)))
    case PROTOBUF_C_TYPE_FLOAT, PROTOBUF_C_TYPE_FIXED32, PROTOBUF_C_TYPE_SFIXED32:
      contents = .fixed32
    case PROTOBUF_C_TYPE_DOUBLE, PROTOBUF_C_TYPE_FIXED64, PROTOBUF_C_TYPE_SFIXED64:
      contents = .fixed64
    default: contents = .varint
    }
    // The fields of a union share the place that says which of them is there.
    var slot = slot
    if unsafe field.flags & UInt32(PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue) != 0 {
      for other in 0..<slot {
        let first = unsafe message.pointee.fields[other]
        if unsafe first.flags & UInt32(PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue) != 0,
          unsafe first.quantifier_offset == field.quantifier_offset
        {
          slot = other
          break
        }
      }
    }
    return Field(
      name: unsafe String(cString: field.name), contents: contents,
      isRepeated: unsafe field.label == PROTOBUF_C_LABEL_REPEATED, slot: slot)
  }
}
