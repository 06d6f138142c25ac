public import QATCore
import QATKernels

/// Real numbers as codes of an integer grid: `x ≈ (q - zeroPoint)·scale`.
///
///     let w = try QuantizedTensor(
///       quantizing: weights, QuantizationParameters(scale: 0.02, grid: .int8), named: "w")
///     let y = try x.matmul(w, to: AffineGrid(scale: 0.1, zeroPoint: 128, grid: .uint8))
///
/// Arithmetic stays on integers and gives, code by code, what the graph's operations give
/// (QLinearConv, QLinearMatMul, QLinearAdd, QLinearMul, tables); no graph is needed. A value:
/// operations return new tensors, copies are O(1).
public struct QuantizedTensor: Sendable, Equatable {
  /// The codes, row-major: i8 or u8 for grids of up to 8 bits, else i16 or u16.
  public let codes: AnyTensor
  /// What the codes stand for.
  public let parameters: QuantizationParameters

  init(unchecked codes: AnyTensor, _ parameters: QuantizationParameters) {
    self.codes = codes
    self.parameters = parameters
  }

  /// Codes that are there already. O(n) where the grid is narrower than its type.
  /// - Throws: what `validate` throws.
  public init(codes: AnyTensor, _ parameters: QuantizationParameters) throws(Diagnostic) {
    self.init(unchecked: codes, parameters)
    try validate()
  }

  /// Codes that are there already.
  /// - Throws: what `validate` throws.
  public init<Code: TensorScalar>(
    codes: Tensor<Code>, _ parameters: QuantizationParameters
  ) throws(Diagnostic) {
    try self.init(codes: AnyTensor(codes), parameters)
  }

  /// `saturate(roundHalfToEven(x / scale) + zeroPoint)`, in float32 (ONNX QuantizeLinear).
  ///
  /// - Parameter name: what errors call the tensor.
  /// - Throws: `invalid-data` for NaN or infinity, `shape-mismatch` for parameters of another shape.
  public init(
    quantizing x: Tensor<Float>, _ parameters: QuantizationParameters, named name: String? = nil
  ) throws(Diagnostic) {
    let granularity = try naming(name) { () throws(Diagnostic) in
      try x.checkFinite()
      return try parameters.granularity(of: x.shape)
    }
    self.init(unchecked: quantized(x, parameters, granularity), parameters)
  }

  /// Checks that the codes have the grid's type and lie on the grid, and that there are as many scales
  /// as the shape asks for. What an operation returns is valid.
  /// - Throws: `type-mismatch`, `shape-mismatch`; `invalid-data` with the place of a code.
  public func validate() throws(Diagnostic) {
    let grid = parameters.grid
    guard codes.element == grid.container else {
      throw Diagnostic(
        .typeMismatch, "codes of type \(codes.element.name) for the grid \(grid)",
        hint: "codes of \(grid) are \(grid.container.name)")
    }
    _ = try parameters.granularity(of: codes.shape)
    if grid.fillsContainer { return }
    let all = codes.integers ?? []
    guard let outside = all.firstIndex(where: { !(grid.min...grid.max).contains($0) }) else {
      return
    }
    throw Diagnostic(
      .invalidData,
      "the code \(all[outside]) at \(place(of: outside, in: shape)) is outside the grid \(grid)",
      hint: "\(grid) holds \(grid.min)...\(grid.max)")
  }

  /// Sizes, outermost first.
  public var shape: [Int] { codes.shape }
  /// How many codes there are.
  public var count: Int { codes.elementCount }
  /// Bytes of the codes, without their parameters.
  public var byteCount: Int { codes.storage.byteCount }

  /// The real numbers `(q - zeroPoint)·scale`, in float32 (ONNX DequantizeLinear).
  public func dequantized() -> Tensor<Float> {
    let parameters = parameters
    if parameters.blockSize > 0, let granularity = try? parameters.granularity(of: shape) {
      let codes = codes.integers ?? []
      return Tensor(
        shape: shape,
        codes.enumerated().map { parameters[granularity.parameter(of: $0)].dequantize($1) })
    }
    let layout = CodeLayout(shape: shape, axis: parameters.axis)
    let scales = AnyTensor(shape: [parameters.count], parameters.scales)
    let result = AnyTensor(.f32, shape: shape) { x in
      QuantizationKernels.dequantize(
        layout, q: TensorView(codes), scale: TensorView(scales),
        zero: parameters.zeroPoints.map(Int32.init), x: x)
    }
    return Tensor(shape: shape, result.elements() ?? [])
  }

  /// The codes in as few bits as the grid has, where ONNX has such a type (2 and 4 bits): two or four
  /// a byte, the first in the low bits. Other grids keep their type.
  public func packedCodes() -> AnyTensor {
    let bits = parameters.grid.bits
    guard bits == 2 || bits == 4,
      let type = ElementType(name: "\(parameters.grid.isSigned ? "i" : "u")\(bits)")
    else { return codes }
    return AnyTensor(type, shape: shape, integers: codes.integers ?? [])
  }

  /// The same codes under another shape. O(1).
  /// - Throws: `shape-mismatch`; `unsupported` where scales belong to channels or blocks.
  public func reshaped(_ shape: [Int]) throws(Diagnostic) -> QuantizedTensor {
    _ = try perTensor("reshaped")
    guard shape.allSatisfy({ $0 >= 0 }), shape.reduce(1, *) == count else {
      throw Diagnostic(.shapeMismatch, "codes of shape \(self.shape) can't take the shape \(shape)")
    }
    return QuantizedTensor(unchecked: codes.reshaped(shape), parameters)
  }

  /// The one scale and zero point of all codes.
  /// - Throws: `unsupported` where there are several.
  func perTensor(_ what: String) throws(Diagnostic) -> AffineGrid {
    guard let grid = parameters.perTensor else {
      throw Diagnostic(
        .unsupported,
        "a tensor with a scale per \(parameters.blockSize > 0 ? "block" : "channel") can't be \(what)",
        hint: "requantize it to one scale")
    }
    return grid
  }
}

private func quantized(
  _ x: Tensor<Float>, _ parameters: QuantizationParameters, _ granularity: Granularity
) -> AnyTensor {
  let grid = parameters.grid
  if parameters.blockSize > 0 {
    let codes = x.elements.enumerated().map {
      parameters[granularity.parameter(of: $0)].quantize($1)
    }
    return AnyTensor(grid.container, shape: x.shape, integers: codes)
  }
  return QuantizedTensor.codes(
    of: AnyTensor(x), scales: parameters.scales, zeroPoints: parameters.zeroPoints.map(Int32.init),
    grid: grid, axis: parameters.axis)
}

extension QuantizedTensor {
  /// The codes of float32 numbers, which nothing checks: NaN takes its zero point.
  ///
  /// - Parameter axis: of the channels, each with its scale and zero point; `nil` for one of each.
  package static func codes(
    of numbers: AnyTensor, scales: [Float], zeroPoints: [Int32], grid: IntegerGrid, axis: Int?
  ) -> AnyTensor {
    let layout = CodeLayout(shape: numbers.shape, axis: axis)
    let scales = TensorView(AnyTensor(shape: [scales.count], scales))
    return AnyTensor(grid.container, shape: numbers.shape) { q in
      QuantizationKernels.quantize(
        layout, x: TensorView(numbers), scale: scales, zero: zeroPoints, range: grid.codeRange, q: q
      )
    }
  }
}

extension Tensor<Float> {
  /// - Throws: `invalid-data` with the place of the first NaN or infinity.
  func checkFinite() throws(Diagnostic) {
    guard let index = elements.firstIndex(where: { !$0.isFinite }) else { return }
    throw Diagnostic(
      .invalidData, "\(elements[index]) at \(place(of: index, in: shape)) of the tensor",
      hint: "only finite numbers can be quantized")
  }
}

/// The indices of an element, as text: `[2, 0]`.
func place(of element: Int, in shape: [Int]) -> String {
  "\(zip(rowMajorStrides(shape), shape).map { element / $0 % $1 })"
}

/// Runs `body`; an error of it names the tensor.
func naming<Result>(
  _ name: String?, _ body: () throws(Diagnostic) -> Result
) throws(Diagnostic) -> Result {
  do { return try body() } catch { throw name.map { error.at("tensor '\($0)'") } ?? error }
}
