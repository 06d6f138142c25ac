extension AnyTensor {
  /// The elements of a tensor of any float type, or of an integer one, as `Double`; else `nil`. O(n).
  ///
  /// Exact but for 64-bit integers beyond 2⁵³.
  public var doubles: [Double]? {
    switch element {
    case .f64: elements(as: Double.self)
    case _ where element.isFloatingPoint: floats?.map(Double.init)
    default: integers?.map(Double.init)
    }
  }

  /// The elements of a tensor of a float type no wider than f32, exactly; else `nil`. O(n).
  public var floats: [Float]? {
    switch element {
    case .f32: return elements(as: Float.self)
    case .f16: return elements(as: Half.self)?.map(\.float)
    case .bf16: return elements(as: BrainFloat.self)?.map(\.float)
    case .f8e8m0: return decoded(PowerOfTwo.decode)
    default: return NarrowFloat(element).map { decoded($0.decode) }
    }
  }

  /// Numbers as the elements of a float type, each rounded once, to nearest, ties to even (to a power
  /// of two for E8M0, as `rounding` says). O(n).
  ///
  /// - Parameter saturate: whether a number beyond an 8-bit float takes its largest; see
  ///   `NarrowFloat.encode`. Wider types have infinities and take no notice.
  /// - Precondition: a float type, and as many numbers as the shape asks for.
  public init(
    _ element: ElementType, shape: [Int], rounding numbers: [Double], saturate: Bool = true,
    powers: PowerOfTwo.Rounding = .up
  ) {
    switch element {
    case .f64: self.init(shape: shape, numbers)
    case .f32: self.init(shape: shape, numbers.map { Float($0) })
    case .f16: self.init(shape: shape, numbers.map { Half($0) })
    case .bf16:
      self.init(
        shape: shape,
        numbers.map { BrainFloat(bits: UInt16(NarrowFloat.brain.encode(double: $0))) })
    case .f8e8m0:
      self.init(
        element, shape: shape,
        patterns: numbers.map {
          UInt8(PowerOfTwo.encode(Float($0), powers, saturate: saturate))
        })
    default:
      guard let format = NarrowFloat(element) else {
        preconditionFailure("\(element.name) is no float type")
      }
      self.init(
        element, shape: shape,
        patterns: numbers.map { UInt8(format.encode(double: $0, saturate: saturate)) })
    }
  }

  /// Elements of at most 8 bits, by a table of all there are.
  private func decoded(_ decode: (Int) -> Float) -> [Float] {
    let table = (0..<1 << element.bitWidth).map(decode)
    return patterns.map { table[Int($0)] }
  }
}
