import QATIR

extension OpsetHistory {
  /// Operations that are younger than opset 13, and features of older ones.
  static let younger = [
    since(14, "HardSwish"), since(17, "LayerNormalization"), since(20, "Gelu"),
    since(18, "BitwiseAnd"), since(18, "BitwiseNot"), since(18, "BitwiseOr"),
    since(18, "BitwiseXor"), since(18, "Mish"), since(24, "Swish"),
    since(14, "Reshape", with: "allowzero"), since(15, "Shape", with: "start"),
    since(19, "AveragePool", with: "dilations"), since(19, "Cast", with: "saturate"),
  ]

  /// An operation, or an operation with an attribute, that came with an opset.
  private static func since(_ version: Int, _ op: String, with attribute: String? = nil)
    -> OpsetHistory
  {
    OpsetHistory(
      op,
      needed: { node, _ in
        guard let attribute else { return version }
        return node.op.attributeValues.contains { $0.name == attribute } ? version : 13
      })
  }
}
