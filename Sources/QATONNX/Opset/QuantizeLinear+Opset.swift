import QATCore
import QATIR

extension OpsetHistory {
  /// Blocks, 16 and fewer than 8 bits, and a given result type came with 21.
  static let quantizeLinear = ["QuantizeLinear", "DequantizeLinear"].map { op in
    OpsetHistory(
      op,
      needed: { node, graph in
        let names = node.op.attributeValues.map(\.name)
        if names.contains(where: { ["block_size", "output_dtype", "precision"].contains($0) }) {
          return 21
        }
        let codes = op == "QuantizeLinear" ? node.results.first ?? nil : node.operands.first ?? nil
        let element = codes.map { graph[$0].type.element } ?? .u8
        return [.u8, .i8, .i32].contains(element) ? 13 : 21
      })
  }
}
