import QATCore
import QATIR

extension OpsetHistory {
  /// `to` was the name of a type before 6.
  static let cast = OpsetHistory(
    "Cast",
    [
      .init(version: 6) { node throws(Diagnostic) in
        guard case .string(let name)? = node.take("to") else {
          throw Diagnostic(.invalidAttribute, "'to' of Cast is no name of a type")
        }
        guard let element = names[name.uppercased()] else {
          throw Diagnostic(
            .unsupported, "Cast to '\(name)'", hint: nameHint(name, among: names.keys.sorted()))
        }
        node.attributes.append(("to", .int(element.rawValue)))
      }
    ])

  /// The types that there were, as ONNX names them.
  private static let names: [String: ElementType] = [
    "FLOAT": .f32, "UINT8": .u8, "INT8": .i8, "UINT16": .u16, "INT16": .i16, "INT32": .i32,
    "INT64": .i64, "BOOL": .bool, "FLOAT16": .f16, "DOUBLE": .f64, "UINT32": .u32, "UINT64": .u64,
  ]
}
