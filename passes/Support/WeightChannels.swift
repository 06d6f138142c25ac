import QATCore
import QATIR

/// Which input and output channel of a product each element of its weight connects.
///
/// The first two axes of the weight say so; what follows them is a block of `inner` elements:
///
///     Conv           [M, C/group, …]    output a, input b of the group of a
///     ConvTranspose  [C, M/group, …]    input a, output b of the group of a
///     Gemm, MatMul   [K, N]             input a, output b; Gemm with transB the other way
struct WeightChannels: Sendable {
  let outputs: Int, inputs: Int
  private let rows: Int, columns: Int
  let inner: Int
  private let group: Int
  private let rowIsOutput: Bool

  /// `nil` for an operation that is no such product, or a weight of unknown or unfit sizes.
  init?(_ op: any Operation, weight sizes: [Int]) {
    guard sizes.count >= 2, !sizes.contains(0) else { return nil }
    switch op {
    case let conv as Conv: (group, rowIsOutput) = (conv.group, true)
    case let conv as ConvTranspose: (group, rowIsOutput) = (conv.group, false)
    case let gemm as Gemm where !gemm.transA: (group, rowIsOutput) = (1, gemm.transB)
    case is MatMul where sizes.count == 2: (group, rowIsOutput) = (1, false)
    default: return nil
    }
    (rows, columns) = (sizes[0], sizes[1])
    guard group > 0, rows % group == 0 else { return nil }
    inner = sizes[2...].reduce(1, *)
    outputs = rowIsOutput ? rows : columns * group
    inputs = rowIsOutput ? columns * group : rows
  }

  /// Blocks of elements, in order.
  var blockCount: Int { rows * columns }

  /// The channels that a block connects.
  func channels(ofBlock block: Int) -> (output: Int, input: Int) {
    let row = block / columns, column = row / (rows / group) * columns + block % columns
    return rowIsOutput ? (row, column) : (column, row)
  }
}
