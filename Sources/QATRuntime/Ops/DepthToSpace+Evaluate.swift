import QATCore
import QATIR

extension DepthToSpace: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let blocks = BlockAxes(wide: call.shape(), side: blockSize ?? 1, order)
    // Row-major over (n, c, h, i, w, j): the wide image as it lies.
    let offsets = viewOffsets(shape: blocks.sizes, strides: blocks.deepStrides)
    return [call[0].taking(offsets, shape: call.shape())]
  }
}

extension SpaceToDepth: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let blocks = BlockAxes(wide: call[0].shape, side: blockSize ?? 1, order)
    // Row-major over the axes in the order in which they lie in the deep image.
    let axes = blocks.deepOrder
    let wide = rowMajorStrides(blocks.sizes)
    let offsets = viewOffsets(
      shape: axes.map { blocks.sizes[$0] }, strides: axes.map { wide[$0] })
    return [call[0].taking(offsets, shape: call.shape())]
  }
}

/// The axes (n, c, h, i, w, j) of an image in blocks: channel, block row, row inside, block column,
/// column inside.
struct BlockAxes {
  let sizes: [Int]
  /// In which order the axes lie in the image whose channels hold the blocks.
  let deepOrder: [Int]

  /// - Parameter wide: the sizes of the image whose pixels hold the blocks.
  init(wide: [Int], side: Int, _ order: BlockOrder) {
    sizes = [wide[0], wide[1], wide[2] / side, side, wide[3] / side, side]
    deepOrder = order == .depthFirst ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4]
  }

  /// How far neighbours along each axis are apart in the deep image.
  var deepStrides: [Int] {
    let strides = rowMajorStrides(deepOrder.map { sizes[$0] })
    return sizes.indices.map { axis in strides[deepOrder.firstIndex(of: axis) ?? 0] }
  }
}
