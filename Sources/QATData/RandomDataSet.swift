import QATCore

/// Made-up samples for timing: the same seed and index give the same sample.
///
/// Floats are normal with mean 0 and deviation 1, bools and integers are 0 or 1 (so that they are
/// valid indices almost everywhere).
public struct RandomDataSet: DataSet {
  public let count: Int
  public let inputs: [DataField]
  public let targets: [DataField]
  private let classes: Int
  private let seed: UInt64

  /// - Parameter classes: makes labels i64[N] in `0..<classes`; without it there are none.
  /// - Throws: `unsupported` for element types without random values.
  public init(
    count: Int, inputs: [DataField], classes: Int? = nil, seed: UInt64 = 0
  ) throws(Diagnostic) {
    for field in inputs where !Self.elements.contains(field.element) {
      throw Diagnostic(
        .unsupported, "no random values of type \(field.element.name) for '\(field.key)'",
        hint: "give the data in a .npz file")
    }
    self.count = count
    self.inputs = inputs
    targets = classes == nil ? [] : [DataField(.i64, [])]
    self.classes = classes ?? 0
    self.seed = seed
  }

  public func batch(_ indices: [Int]) throws(Diagnostic) -> Batch {
    try check(indices)
    var sources = indices.map { RandomSource(seed: seed, index: $0) }
    let labels =
      targets.isEmpty
      ? nil
      : AnyTensor(
        shape: [indices.count],
        sources.indices.map { Int64(sources[$0].index(below: classes)) })
    let tensors = inputs.map { ($0.key, values(of: $0, &sources)) }
    return Batch(inputs: Dictionary(uniqueKeysWithValues: tensors), labels: labels)
  }

  private func values(of field: DataField, _ sources: inout [RandomSource]) -> AnyTensor {
    let size = field.shape.reduce(1, *), shape = [sources.count] + field.shape
    if field.element == .f32 {
      return AnyTensor(shape: shape) { (values: inout MutableSpan<Float>) in
        Self.fill(&values, size, &sources)
      }
    }
    if field.element == .f64 {
      return AnyTensor(shape: shape) { (values: inout MutableSpan<Double>) in
        Self.fill(&values, size, &sources)
      }
    }
    // 0 and 1 have the same bytes in every integer type but for the zeros that follow.
    let padding = [UInt8](repeating: 0, count: field.element.bitWidth / 8 - 1)
    var bytes: [UInt8] = []
    for index in sources.indices {
      for _ in 0..<size { bytes += [UInt8(sources[index].index(below: 2))] + padding }
    }
    return AnyTensor(field.element, shape: shape, bytes: bytes)
  }

  /// `size` values of each source, one source after the other.
  private static func fill<Scalar: BinaryFloatingPoint>(
    _ values: inout MutableSpan<Scalar>, _ size: Int, _ sources: inout [RandomSource]
  ) {
    for index in sources.indices {
      for offset in index * size..<(index + 1) * size {
        values[offset] = Scalar(sources[index].normal())
      }
    }
  }

  private static let elements: Set<ElementType> = [
    .f32, .f64, .i8, .u8, .i16, .u16, .i32, .u32, .i64, .u64, .bool,
  ]
}
