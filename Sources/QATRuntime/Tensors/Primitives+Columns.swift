public import QATCore
public import QATIR
import QATKernels

extension Primitives {
  /// The columns of images [N, C, H, W] (im2col): [N, C·kernel height·kernel width, pixels], a column
  /// for each output pixel. With weights as a matrix [M, C·…] a convolution is a matrix product.
  ///
  /// - Parameters:
  ///   - kernel: height and width. - padding: the code outside the images: their zero point.
  /// - Throws: `shape-mismatch`, `invalid-attribute`.
  public static func columns<Code: ByteCode>(
    of images: Tensor<Code>, kernel: [Int], _ window: WindowAttributes = .init(),
    padding: Code = 0
  ) throws(Diagnostic) -> Tensor<Code> {
    let result = try columns(
      AnyTensor(images), kernel, window, pad: UInt8(truncatingIfNeeded: padding))
    return Tensor(shape: result.shape, result.elements() ?? [])
  }

  /// The same of float images, with 0 outside.
  /// - Throws: `shape-mismatch`, `invalid-attribute`.
  public static func columns(
    of images: Tensor<Float>, kernel: [Int], _ window: WindowAttributes = .init()
  ) throws(Diagnostic) -> Tensor<Float> {
    let result = try columns(AnyTensor(images), kernel, window, pad: 0)
    return Tensor(shape: result.shape, result.elements() ?? [])
  }

  /// The adjoint (col2im): every element of the columns added to the pixel it would come from.
  ///
  /// - Parameter shape: of the images, [N, C, H, W].
  /// - Throws: `shape-mismatch`, `invalid-attribute`.
  public static func images(
    from columns: Tensor<Float>, shape: [Int], kernel: [Int], _ window: WindowAttributes = .init()
  ) throws(Diagnostic) -> Tensor<Float> {
    let layout = try ColumnLayout(images: shape, kernel, window)
    guard columns.shape == layout.columns else {
      throw Diagnostic(
        .shapeMismatch, "columns of shape \(columns.shape), expected \(layout.columns)")
    }
    let image = Array(shape.dropFirst()), column = Array(layout.columns.dropFirst())
    let zeros = AnyTensor(Tensor<Float>(shape: shape)), source = AnyTensor(columns)
    guard let convolution = layout.convolution else { return Tensor(shape: shape) }
    let result = AnyTensor(.f32, shape: shape) { target in
      target.write(zeros)
      for index in 0..<shape[0] {
        MovementKernels.addColumns(
          convolution,
          columns: TensorView(source).part(at: index * column.reduce(1, *), shape: column),
          to: target.part(at: index * image.reduce(1, *), shape: image))
      }
    }
    return Tensor(shape: shape, result.elements() ?? [])
  }

  private static func columns(
    _ images: AnyTensor, _ kernel: [Int], _ window: WindowAttributes, pad: UInt8
  ) throws(Diagnostic) -> AnyTensor {
    let layout = try ColumnLayout(images: images.shape, kernel, window)
    let image = Array(images.shape.dropFirst()), column = Array(layout.columns.dropFirst())
    return AnyTensor(images.element, shape: layout.columns) { target in
      guard let convolution = layout.convolution else { return }
      for index in 0..<images.shape[0] {
        MovementKernels.columns(
          convolution, image: TensorView(images).part(at: index * image.reduce(1, *), shape: image),
          pad: pad, to: target.part(at: index * column.reduce(1, *), shape: column))
      }
    }
  }
}

/// Images and their columns.
private struct ColumnLayout {
  /// [N, C·kernel, pixels].
  let columns: [Int]
  /// Of one image; `nil` where there is nothing to move.
  let convolution: ConvolutionShape?

  init(images: [Int], _ kernel: [Int], _ window: WindowAttributes) throws(Diagnostic) {
    guard kernel.count == 2, kernel.allSatisfy({ $0 > 0 }) else {
      throw Diagnostic(.invalidAttribute, "a kernel of shape \(kernel)", hint: "height and width")
    }
    let channels = images.count == 4 ? images[1] : 0
    // As if for one output channel.
    let weights = [1, channels] + kernel
    let result = try convolvedShape(images, weights, window, groups: 1)
    columns = [images[0], channels * kernel[0] * kernel[1], result[2] * result[3]]
    if columns.contains(0) || images.contains(0) {
      convolution = nil
      return
    }
    guard
      let shape = convolutionShape(
        window, group: 1, x: [1] + images.dropFirst(), w: weights, y: [1, 1] + result.dropFirst(2))
    else {
      throw Diagnostic(
        .unsupported, "columns with pads \(window.pads)", hint: "crop the images first")
    }
    convolution = shape
  }
}
