import QATCore
import QATIR

extension KernelCase {
  static let reductions: [KernelCase] = [true, false].flatMap { keep in
    [nil, [-1], [0], [1, 2], [0, -3], [0, 2], [1, 3], [0, 1, 3], [0, 1, 2, 3]].flatMap {
      (axes: [Int64]?) -> [KernelCase] in
      let operands = [floats([2, 3, 4, 5]), axes.map { integers($0) }]
      let ops: [any Operation] = [
        ReduceSum(keepDimensions: keep), ReduceMean(keepDimensions: keep),
        ReduceMax(keepDimensions: keep), ReduceMin(keepDimensions: keep),
        ReduceSumSquare(keepDimensions: keep), ReduceL2(keepDimensions: keep),
      ]
      return ops.map { KernelCase(op: $0, operands: operands, tolerance: 1e-6) }
    }
  }

  /// Among numbers many of which tie.
  static let searches: [KernelCase] = [false, true].flatMap { last in
    (-1...2).flatMap { axis -> [KernelCase] in
      let values = numbers(7 * 300 * 3).map { Float(Int($0 * 9)) }
      let x = AnyTensor(shape: [7, 300, 3], values)
      return [
        KernelCase(op: ArgMax(axis: axis, selectLastIndex: last), operands: [x]),
        KernelCase(
          op: ArgMin(axis: axis, keepDimensions: false, selectLastIndex: last), operands: [x]),
      ]
    }
  }

  /// Of numbers many of which tie.
  static let tops: [KernelCase] = [false, true].flatMap { largest in
    [(0, 1), (1, 3), (2, 5), (1, 300)].map { axis, k -> KernelCase in
      let values = numbers(7 * 300 * 5, 4).map { Float(Int($0 * 90)) }
      let x = AnyTensor(shape: [7, 300, 5], values)
      var op = TopK()
      (op.axis, op.largest) = (axis, largest)
      return KernelCase(op: op, operands: [x, integers([Int64(k)])], results: 2)
    }
  }

  static let rowFunctions: [KernelCase] = [
    KernelCase(op: LRN(size: 5, alpha: 0.3), operands: [floats([2, 7, 20, 17])], tolerance: 1e-6),
    KernelCase(
      op: LRN(size: 4, alpha: 2, beta: 0.6), operands: [floats([2, 3, 5])], tolerance: 1e-6),
    KernelCase(op: Softmax(), operands: [floats([5, 11], -9, 9)], tolerance: 1e-6),
    KernelCase(op: LogSoftmax(), operands: [floats([5, 11], -9, 9)], tolerance: 1e-6),
    KernelCase(
      op: LayerNormalization(), operands: [floats([3, 4, 8]), floats([8])], tolerance: 1e-5),
    KernelCase(
      op: LayerNormalization(), operands: [floats([3, 4, 8]), floats([8]), floats([8])],
      tolerance: 1e-5),
    KernelCase(op: GlobalAveragePool(), operands: [floats([2, 3, 5, 7])], tolerance: 1e-6),
    KernelCase(
      op: GlobalAveragePoolGradient(), operands: [floats([2, 3, 1, 1]), floats([2, 3, 5, 7])],
      inputs: [0, 1], tolerance: 1e-6),
    KernelCase(op: MinMax(), operands: [floats([2, 3, 5, 7])], results: 2),
    KernelCase(op: MinMax(axis: 1), operands: [floats([2, 3, 5, 7])], results: 2),
  ]

  static let normalizations: [KernelCase] = {
    let x = floats([2, 6, 5, 7]), channels = [floats([6], 0.5, 2), floats([6])]
    let rows = floats([3, 4, 9]), one = AnyTensor(Float(1))
    let dy = AnyTensor(shape: [3, 4, 9], numbers(108, 77).map { Float($0) })
    return [
      KernelCase(op: InstanceNormalization(), operands: [x] + channels, tolerance: 1e-5),
      KernelCase(op: GroupNormalization(groups: 2), operands: [x] + channels, tolerance: 1e-5),
      KernelCase(op: GroupNormalization(groups: 6), operands: [x] + channels, tolerance: 1e-5),
      KernelCase(op: RMSNormalization(), operands: [rows, floats([9])], tolerance: 1e-5),
      KernelCase(
        op: RMSNormalization(axis: 1), operands: [rows, floats([4, 9])], tolerance: 1e-5),
      KernelCase(
        op: LayerNormalization(axis: 1), operands: [rows, floats([4, 9]), floats([4, 9])],
        results: 3,
        tolerance: 1e-5),
      KernelCase(op: LayerNormalization(), operands: [rows, one], tolerance: 1e-5),
      KernelCase(
        op: LayerNormalizationGradient(axis: -1, epsilon: 1e-5),
        operands: [dy, rows, floats([9])], inputs: [0, 1], results: 2,
        tolerance: 1e-5),
      KernelCase(
        op: LayerNormalizationGradient(axis: -1, epsilon: 1e-5),
        operands: [dy, rows, one], inputs: [0, 1], tolerance: 1e-5),
    ]
  }()
}
