/// Which scale belongs to which element of a tensor: one for all, one a channel, or one a block.
public struct Granularity: Sendable, Equatable {
  private let inner: Int
  private let channels: Int
  private let block: Int
  private let parameters: Int
  /// Whether parameters differ along the other axes too: blocks.
  private let isBlocked: Bool

  /// One parameter for all elements.
  public static let perTensor = Granularity(inner: 1, channels: 1, block: 1, isBlocked: false)

  private init(inner: Int, channels: Int, block: Int, isBlocked: Bool) {
    self.inner = inner
    self.channels = channels
    self.block = block
    self.isBlocked = isBlocked
    parameters = (channels + block - 1) / block
  }

  /// One parameter for each index along `axis` of a tensor of this shape.
  /// - Precondition: the axis is inside the shape.
  public init(perChannelOf shape: [Int], axis: Int) {
    self.init(
      inner: shape[(axis + 1)...].reduce(1, *), channels: shape[axis], block: 1, isBlocked: false)
  }

  /// One parameter for all, for each index along `axis`, or for each block of `blockSize` neighbours
  /// along it (see below), whose parameters then have the shape that belongs to that.
  /// - Parameters:
  ///   - axis: `nil` for one parameter; a negative one counts from the back.
  ///   - blockSize: 0 for no blocks.
  /// - Throws: `invalid-attribute` for an axis outside the shape.
  public init(of shape: [Int], axis: Int?, blockSize: Int) throws(Diagnostic) {
    guard let axis else { self = .perTensor; return }
    let index = axis < 0 ? axis + shape.count : axis
    guard shape.indices.contains(index) else {
      throw Diagnostic(.invalidAttribute, "axis is outside a tensor of rank \(shape.count)")
    }
    var parameters = [shape[index]]
    if blockSize > 0 {
      parameters = shape
      parameters[index] = (shape[index] + blockSize - 1) / blockSize
    }
    try self.init(
      shape: shape, parameterShape: parameters, axis: index, blockSize: blockSize)
  }

  /// What ONNX's QuantizeLinear and DequantizeLinear mean by the shapes and attributes.
  ///
  /// In blocks, the parameters have the tensor's shape except for `ceil(shape[axis]/blockSize)`
  /// along the axis: one for `blockSize` neighbours, the last block may be shorter.
  /// - Parameter blockSize: 0 where parameters are per tensor (`[]` or `[1]`) or per channel
  ///   (`[C]`).
  /// - Throws: `shape-mismatch`, `invalid-attribute`.
  public init(
    shape: [Int], parameterShape: [Int], axis: Int, blockSize: Int
  ) throws(Diagnostic) {
    if parameterShape.isEmpty || (parameterShape == [1] && blockSize == 0) {
      self = .perTensor
      return
    }
    let axis = axis < 0 ? axis + shape.count : axis
    guard shape.indices.contains(axis) else {
      throw Diagnostic(.invalidAttribute, "axis is outside a tensor of rank \(shape.count)")
    }
    var expected = shape
    if blockSize > 0 { expected[axis] = (shape[axis] + blockSize - 1) / blockSize }
    guard parameterShape == (blockSize > 0 ? expected : [shape[axis]]) else {
      throw Diagnostic(
        .shapeMismatch,
        "scale has shape \(parameterShape), expected \(blockSize > 0 ? expected : [shape[axis]])",
        hint: blockSize > 0 ? nil : "set `block_size` for one scale a block")
    }
    self.init(
      inner: shape[(axis + 1)...].reduce(1, *), channels: shape[axis],
      block: Swift.max(blockSize, 1), isBlocked: blockSize > 0)
  }

  /// The index of an element's parameter, both counted in row-major order.
  public func parameter(of element: Int) -> Int {
    if isBlocked {
      let (row, column) = element.quotientAndRemainder(dividingBy: inner)
      let (outer, channel) = row.quotientAndRemainder(dividingBy: channels)
      return (outer * parameters + channel / block) * inner + column
    }
    return element / inner % channels
  }
}
