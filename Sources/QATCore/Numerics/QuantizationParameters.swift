/// The scales and zero points of a tensor of codes: one for all of it, one for each channel along an
/// axis, or one for each block of neighbours along an axis.
///
/// Valid by construction: every scale is finite and above 0, every zero point is a code of the grid,
/// and there is one of each for each tensor, channel or block. How many channels or blocks there are
/// is the tensor's affair: `granularity(of:)` checks it.
public struct QuantizationParameters: Sendable, Hashable {
  /// The codes.
  public let grid: IntegerGrid
  /// Units of the real numbers per step. In blocks: row-major over the tensor's shape with
  /// `ceil(size / blockSize)` along the axis.
  public let scales: [Float]
  /// The codes of 0, as many as scales.
  public let zeroPoints: [Int]
  /// The axis of the channels or blocks, from the front; `nil` per tensor.
  public let axis: Int?
  /// How many neighbours along the axis share a scale (the last block may be shorter); 0 for one
  /// scale a channel.
  public let blockSize: Int

  /// One scale for the whole tensor.
  /// - Throws: `invalid-option` for a scale or a zero point that can't be one.
  public init(scale: Float, zeroPoint: Int = 0, grid: IntegerGrid) throws(Diagnostic) {
    try self.init(scales: [scale], zeroPoints: [zeroPoint], grid: grid, axis: nil)
  }

  /// One scale for the whole tensor.
  /// - Throws: `invalid-option` for a scale or a zero point that can't be one.
  public init(_ grid: AffineGrid) throws(Diagnostic) {
    try self.init(scale: grid.scale, zeroPoint: grid.zeroPoint, grid: grid.grid)
  }

  /// - Parameters:
  ///   - zeroPoints: as many as scales; none stands for 0 everywhere.
  ///   - axis: of the channels or blocks, ≥ 0; `nil` where there is one scale for all.
  ///   - blockSize: 0 for one scale a channel.
  /// - Throws: `invalid-option`, naming the channel or block where it is one.
  public init(
    scales: [Float], zeroPoints: [Int] = [], grid: IntegerGrid, axis: Int?, blockSize: Int = 0
  ) throws(Diagnostic) {
    self.grid = grid
    self.scales = scales
    self.zeroPoints =
      zeroPoints.isEmpty ? Array(repeating: 0, count: scales.count) : zeroPoints
    self.axis = axis
    self.blockSize = blockSize
    try validate()
  }

  private func validate() throws(Diagnostic) {
    guard (axis ?? 0) >= 0, blockSize >= 0, blockSize == 0 || axis != nil else {
      throw Diagnostic(
        .invalidOption, "axis \(axis.map(String.init) ?? "nil") with block size \(blockSize)",
        hint: "count axes from 0; blocks lie along an axis")
    }
    guard axis != nil || scales.count == 1 else {
      throw Diagnostic(
        .invalidOption, "\(scales.count) scales for a whole tensor",
        hint: "set `axis` for one scale per channel")
    }
    guard scales.count == zeroPoints.count else {
      throw Diagnostic(
        .invalidOption, "\(scales.count) scales and \(zeroPoints.count) zero points")
    }
    for index in scales.indices {
      try self[index].validate(
        axis == nil ? "" : blockSize == 0 ? "channel \(index)" : "block \(index)")
    }
  }

  /// How many scales there are.
  public var count: Int { scales.count }

  /// The scale and zero point of a channel or block; of the tensor at 0.
  public subscript(index: Int) -> AffineGrid {
    AffineGrid(scale: scales[index], zeroPoint: zeroPoints[index], grid: grid)
  }

  /// Scale, zero point and grid of the whole tensor, or `nil` where there are channels or blocks.
  public var perTensor: AffineGrid? { axis == nil ? self[0] : nil }

  /// Which scale belongs to which element of a tensor of this shape.
  /// - Throws: `shape-mismatch` where there are not as many scales as the shape asks for.
  public func granularity(of shape: [Int]) throws(Diagnostic) -> Granularity {
    guard let axis else { return .perTensor }
    let expected = try Self.scaleShape(for: shape, axis: axis, blockSize: blockSize)
    guard scales.count == expected.reduce(1, *) else {
      throw Diagnostic(
        .shapeMismatch,
        "\(scales.count) scales along axis \(axis) for a tensor of shape \(shape), expected "
          + "\(expected.reduce(1, *))")
    }
    return try Granularity(
      shape: shape, parameterShape: expected, axis: axis, blockSize: blockSize)
  }

  /// The shape of the scales of a tensor: `[]` per tensor, `[C]` per channel; in blocks that of the
  /// tensor with `ceil(size / blockSize)` along the axis.
  /// - Throws: `shape-mismatch` for an axis outside the shape.
  public static func scaleShape(
    for shape: [Int], axis: Int?, blockSize: Int = 0
  ) throws(Diagnostic) -> [Int] {
    guard let axis else { return [] }
    guard shape.indices.contains(axis) else {
      throw Diagnostic(
        .shapeMismatch, "scales along axis \(axis) for a tensor of shape \(shape)",
        hint: "an axis lies inside the shape")
    }
    guard blockSize > 0 else { return [shape[axis]] }
    var result = shape
    result[axis] = (shape[axis] + blockSize - 1) / blockSize
    return result
  }
}

extension AffineGrid {
  /// Refuses a scale that is not finite and above 0, and a zero point outside the grid.
  ///
  /// - Parameter part: what of a tensor it belongs to, for the message; empty for all of it.
  /// - Throws: `invalid-option`.
  public func validate(_ part: String = "") throws(Diagnostic) {
    let place = part.isEmpty ? "" : " of \(part)"
    guard scale.isFinite, scale > 0 else {
      throw Diagnostic(
        .invalidOption, "the scale\(place) is \(scale)", hint: "a scale is finite and above 0")
    }
    guard (grid.min...grid.max).contains(zeroPoint) else {
      throw Diagnostic(
        .invalidOption, "the zero point\(place) is \(zeroPoint), outside the grid \(grid)",
        hint: "\(grid) holds \(grid.min)...\(grid.max)")
    }
  }
}
