internal import CQATKernels
import QATCore

/// A box of elements in memory: where its first one lies, and how far neighbours along each axis are
/// apart, in elements.
public struct StridedBox: Sendable {
  /// Where the first element lies.
  public let offset: Int
  /// How far neighbours along each axis are apart; negative ones walk back.
  public let strides: [Int]

  /// A box of as many axes as strides.
  public init(offset: Int = 0, strides: [Int]) {
    self.offset = offset
    self.strides = strides
  }

  /// Whether a box of these sizes lies inside `count` elements.
  func lies(inside count: Int, sizes: [Int]) -> Bool {
    if sizes.contains(0) { return true }
    let reaches = zip(sizes, strides).map { ($0 - 1) * $1 }
    let first = reaches.filter { $0 < 0 }.reduce(offset, +)
    let last = reaches.filter { $0 > 0 }.reduce(offset, +)
    return first >= 0 && last < count
  }
}

/// Copies between layouts: transposes, slices, joins.
public enum MovementKernels {
  /// y [batch][columns][rows] from x [batch][rows][columns], of elements of one byte or four.
  public static func transpose(
    batch: Int, rows: Int, columns: Int, _ x: TensorView, _ y: MutableTensorView,
    _ pool: ThreadPool
  ) {
    precondition(x.count == batch * rows * columns && y.count == x.count)
    precondition([8, 32].contains(x.element.bitWidth) && y.element == x.element)
    if x.element.bitWidth == 8 {
      return pool.share(batch, by: ThreadPool.rows(of: rows * columns)) { images in
        for image in images {
          let start = image * rows * columns
          // SAFETY: each image lies inside both.
          unsafe qat_transpose_bytes(
            Int64(rows), Int64(columns), x.base.assumingMemoryBound(to: UInt8.self) + start,
            Int64(columns), y.base.assumingMemoryBound(to: UInt8.self) + start, Int64(rows))
        }
      }
    }
    // SAFETY: sizes were checked; the kernel moves 4-byte elements without looking at them.
    unsafe qat_transpose_images_f32(
      Int64(batch), Int64(rows), Int64(columns), x.base.assumingMemoryBound(to: Float.self),
      y.base.assumingMemoryBound(to: Float.self), pool.pool)
  }

  /// Copies a box of up to 8 dimensions.
  public static func copy(
    sizes: [Int], from source: TensorView, _ sourceBox: StridedBox, to target: MutableTensorView,
    _ targetBox: StridedBox
  ) {
    precondition(source.element == target.element && source.element.bitWidth >= 8)
    precondition(
      sizes.count <= 8 && sourceBox.strides.count == sizes.count
        && targetBox.strides.count == sizes.count)
    precondition(
      sourceBox.lies(inside: source.count, sizes: sizes)
        && targetBox.lies(inside: target.count, sizes: sizes), "a box outside its tensor")
    if sizes.contains(0) { return }
    let bytes = source.element.bitWidth / 8
    // SAFETY: both boxes lie inside their tensors, as just checked.
    unsafe qat_copy_strided(
      Int32(sizes.count), sizes.map(Int64.init), Int32(bytes),
      source.base + sourceBox.offset * bytes, sourceBox.strides.map(Int64.init),
      target.base + targetBox.offset * bytes, targetBox.strides.map(Int64.init))
  }

  /// Copies parts of `size` elements each: part `targets[i]` of one from part `sources[i]` of the
  /// other; `nil` stands for 0, 1, 2, ….
  public static func copyParts(
    of size: Int, count: Int, from source: TensorView, _ sources: [Int]?,
    to target: MutableTensorView, _ targets: [Int]?
  ) {
    precondition(source.element == target.element && source.element.bitWidth >= 8)
    func lieInside(_ parts: [Int]?, _ elements: Int) -> Bool {
      guard let parts else { return count * size <= elements }
      return parts.count == count && parts.allSatisfy { $0 >= 0 && ($0 + 1) * size <= elements }
    }
    precondition(
      lieInside(sources, source.count) && lieInside(targets, target.count), "a part outside")
    if count == 0 || size == 0 { return }
    // SAFETY: all parts lie inside their tensors, as just checked.
    unsafe qat_copy_parts(
      Int64(count), Int64(size * source.element.bitWidth / 8), source.base,
      sources?.map(Int64.init), target.base, targets?.map(Int64.init))
  }

  /// y [planes, rows, columns] of the elements of x [planes, height, width] in these rows and
  /// columns.
  public static func takeGrid(
    height: Int, width: Int, rows: [Int], columns: [Int], x: TensorView, y: MutableTensorView,
    _ pool: ThreadPool
  ) {
    let planes = planes(height, width, (rows.count, columns.count), x, y)
    precondition(
      rows.allSatisfy { (0..<height).contains($0) }
        && columns.allSatisfy { (0..<width).contains($0) }, "a position outside")
    // SAFETY: sizes and positions were checked.
    unsafe qat_take_grid(
      Int64(planes), Int64(height), Int64(width), Int64(rows.count), Int64(columns.count),
      rows.map(Int64.init), columns.map(Int64.init), Int32(x.element.bitWidth / 8), x.base, y.base,
      pool.pool)
  }

  /// The two neighbours of each element along an axis, and their shares.
  public struct Neighbours: Sendable {
    let positions: [Int64]
    let weights: [Float]

    /// Two positions and two weights for each element.
    public init(positions: [Int], weights: [Float]) {
      precondition(positions.count == weights.count && positions.count % 2 == 0)
      self.positions = positions.map(Int64.init)
      self.weights = weights
    }

    /// How many elements have neighbours.
    public var count: Int { weights.count / 2 }
  }

  /// y [planes, rows, columns] of the f32 x [planes, height, width], interpolated along the rows
  /// first.
  public static func interpolate(
    height: Int, width: Int, rows: Neighbours, columns: Neighbours, x: TensorView,
    y: MutableTensorView, _ pool: ThreadPool
  ) {
    let planes = planes(height, width, (rows.count, columns.count), x, y)
    precondition(
      rows.positions.allSatisfy { (0..<Int64(height)).contains($0) }
        && columns.positions.allSatisfy { (0..<Int64(width)).contains($0) }, "a position outside")
    unsafe rows.positions.withUnsafeBufferPointer { rowAt in
      unsafe columns.positions.withUnsafeBufferPointer { columnAt in
        unsafe rows.weights.withUnsafeBufferPointer { rowWeights in
          unsafe columns.weights.withUnsafeBufferPointer { columnWeights in
            // SAFETY: sizes and positions were checked.
            unsafe qat_interpolate_f32(
              Int64(planes), Int64(height), Int64(width),
              qat_neighbours(
                count: Int64(rows.count), at: rowAt.baseAddress, weights: rowWeights.baseAddress),
              qat_neighbours(
                count: Int64(columns.count), at: columnAt.baseAddress,
                weights: columnWeights.baseAddress),
              x.pointer(Float.self), y.pointer(Float.self), pool.pool)
          }
        }
      }
    }
  }

  /// How many planes there are; sizes must agree.
  private static func planes(
    _ height: Int, _ width: Int, _ result: (rows: Int, columns: Int), _ x: TensorView,
    _ y: MutableTensorView
  ) -> Int {
    precondition(x.element == y.element && x.element.bitWidth >= 8)
    let planes = height * width == 0 ? 0 : x.count / (height * width)
    precondition(
      x.count == planes * height * width && y.count == planes * result.rows * result.columns,
      "sizes of planes do not agree")
    return planes
  }

  /// The columns of one image [C, H, W]: rows (channel, kernel row, kernel column), one column for
  /// each output pixel; 0, or the code `pad`, outside the image. f32, u8 or i8.
  public static func columns(
    _ shape: ConvolutionShape, image: TensorView, pad: UInt8 = 0, to columns: MutableTensorView
  ) {
    check(shape, image.count, columns.count)
    var c = shape.c
    let channels = Int64(shape.inChannels), rows = Int64(shape.outHeight)
    let step = rows * Int64(shape.outWidth)
    // SAFETY: sizes were checked.
    if image.element == .f32 {
      unsafe qat_im2col_f32(
        &c, image.pointer(Float.self), 0, channels, 0, rows, columns.pointer(Float.self), step)
    } else {
      precondition(image.element.bitWidth == 8 && columns.element == image.element)
      unsafe qat_im2col_s8(
        &c, image.base.assumingMemoryBound(to: UInt8.self), 0, channels, 0, rows, pad,
        columns.base.assumingMemoryBound(to: UInt8.self), step)
    }
  }

  /// The adjoint: adds every element of the columns to the pixel of the f32 image it came from.
  public static func addColumns(
    _ shape: ConvolutionShape, columns: TensorView, to image: MutableTensorView
  ) {
    check(shape, image.count, columns.count)
    var c = shape.c
    let rows = Int64(shape.outHeight)
    // SAFETY: sizes were checked.
    unsafe qat_col2im_f32(
      &c, columns.pointer(Float.self), rows * Int64(shape.outWidth), 0, Int64(shape.inChannels), 0,
      rows, image.pointer(Float.self))
  }

  private static func check(_ shape: ConvolutionShape, _ image: Int, _ columns: Int) {
    let taps = shape.kernelHeight * shape.kernelWidth
    precondition(
      image == shape.inChannels * shape.inHeight * shape.inWidth
        && columns == shape.inChannels * taps * shape.outHeight * shape.outWidth,
      "sizes of columns do not agree")
  }
}
