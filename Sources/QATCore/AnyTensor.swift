/// A dense, immutable tensor whose element type is known when running: what constants, samples and
/// results are. Row-major; 4- and 2-bit types are packed as ONNX packs them, low bits first.
///
/// Copies are O(1). `Tensor<Scalar>` is the form to compute with in Swift.
public struct AnyTensor: Sendable {
  /// The type of its elements.
  public let element: ElementType
  /// Sizes, outermost first; empty for a scalar.
  public let shape: [Int]
  /// Its bytes.
  public let storage: TensorStorage

  /// - Precondition: `storage` holds exactly the bytes that `shape` and `element` ask for.
  public init(_ element: ElementType, shape: [Int], storage: TensorStorage) {
    precondition(
      storage.byteCount == element.byteCount(shape.reduce(1, *)),
      "\(storage.byteCount) bytes for \(element.name)\(shape)")
    self.element = element
    self.shape = shape
    self.storage = storage
  }

  /// A tensor of these elements, in row-major order.
  /// - Precondition: as many elements as the shape asks for.
  public init<Scalar: TensorScalar>(shape: [Int], _ elements: [Scalar]) {
    // SAFETY: `bytes` is as long as `elements`, and all of it is written.
    let storage = unsafe TensorStorage(
      byteCount: elements.count * MemoryLayout<Scalar>.stride
    ) { bytes in
      unsafe elements.withUnsafeBytes { source in unsafe bytes.copyMemory(from: source) }
    }
    self.init(Scalar.elementType, shape: shape, storage: storage)
  }

  /// A tensor whose elements are made in their place, in row-major order.
  /// - Parameter fill: writes all of them; they begin as 0.
  public init<Scalar: TensorScalar>(
    shape: [Int], filledBy fill: (inout MutableSpan<Scalar>) -> Void
  ) {
    let count = shape.reduce(1, *)
    // SAFETY: `bytes` holds as many elements, of a type of plain bytes.
    let storage = unsafe TensorStorage(byteCount: count * MemoryLayout<Scalar>.stride) { bytes in
      unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0)
      var elements = unsafe MutableSpan(_unsafeElements: bytes.bindMemory(to: Scalar.self))
      fill(&elements)
    }
    self.init(Scalar.elementType, shape: shape, storage: storage)
  }

  /// A scalar: shape `[]`.
  public init<Scalar: TensorScalar>(_ scalar: Scalar) { self.init(shape: [], [scalar]) }

  /// How many elements there are.
  public var elementCount: Int { shape.reduce(1, *) }
  /// Element type and shape.
  public var type: TensorType { TensorType(element, Shape(shape)) }

  /// The elements in row-major order, or `nil` where the element type is another one. O(n).
  public func elements<Scalar: TensorScalar>(as: Scalar.Type = Scalar.self) -> [Scalar]? {
    guard Scalar.elementType == element else { return nil }
    // SAFETY: `init` checked that the storage holds `elementCount` elements; copying bytes needs no
    // alignment. One copy of bytes, because a loop would run unspecialized for other modules.
    return unsafe storage.withBytes { bytes in
      unsafe [Scalar](unsafeUninitializedCapacity: elementCount) { target, count in
        unsafe UnsafeMutableRawBufferPointer(target).copyMemory(from: bytes)
        count = elementCount
      }
    }
  }

  /// The elements of an integer (or bool) tensor as `Int`, or `nil` for other types. O(n).
  ///
  /// An unsigned 64-bit value beyond `Int.max` becomes `Int.max`.
  public var integers: [Int]? {
    switch element {
    case .i64: elements(as: Int64.self)?.map(Int.init)
    case .i32: elements(as: Int32.self)?.map(Int.init)
    case .i16: elements(as: Int16.self)?.map(Int.init)
    case .i8: elements(as: Int8.self)?.map(Int.init)
    case .u64: elements(as: UInt64.self)?.map { Int(clamping: $0) }
    case .u32: elements(as: UInt32.self)?.map(Int.init)
    case .u16: elements(as: UInt16.self)?.map(Int.init)
    case .u8: elements(as: UInt8.self)?.map(Int.init)
    case .bool: elements(as: Bool.self)?.map { $0 ? 1 : 0 }
    case .i4, .u4, .i2, .u2: signExtendedPatterns
    default: nil
    }
  }

  /// The elements of an integer type of up to 32 bits, but for u32, or `nil` for other types. O(n).
  public var smallIntegers: [Int32]? {
    switch element {
    case .i32: elements(as: Int32.self)
    case .i16: elements(as: Int16.self)?.map(Int32.init)
    case .i8: elements(as: Int8.self)?.map(Int32.init)
    case .u16: elements(as: UInt16.self)?.map(Int32.init)
    case .u8: elements(as: UInt8.self)?.map(Int32.init)
    case .i4, .u4, .i2, .u2: signExtendedPatterns.map(Int32.init)
    default: nil
    }
  }

  /// The same elements in memory, or mapped into it; O(1) but for a `DerivedStorage`.
  public var resident: AnyTensor { AnyTensor(element, shape: shape, storage: storage.resident) }

  /// The same elements under another shape of as many elements.
  public func reshaped(_ shape: [Int]) -> AnyTensor {
    AnyTensor(element, shape: shape, storage: storage)
  }

  /// A stretch of the first axis: the same bytes. O(1).
  /// - Precondition: it lies inside, and elements are of whole bytes.
  public func samples(_ range: Range<Int>) -> AnyTensor {
    precondition(element.bitWidth % 8 == 0 && range.upperBound <= shape[0])
    let size = storage.byteCount / max(shape[0], 1)
    return AnyTensor(
      element, shape: [range.count] + shape.dropFirst(),
      storage: SliceStorage(storage, range.lowerBound * size..<range.upperBound * size))
  }

  private var signExtendedPatterns: [Int] {
    let sign = element.isSigned ? 1 << (element.bitWidth - 1) : 0
    return patterns.map { Int($0) & sign == 0 ? Int($0) : Int($0) - 2 * sign }
  }
}

extension AnyTensor: Equatable {
  /// Same type, same shape, same bytes (so NaN equals the same NaN, and 0 differs from -0).
  public static func == (a: AnyTensor, b: AnyTensor) -> Bool {
    guard a.element == b.element, a.shape == b.shape else { return false }
    if a.storage === b.storage { return true }
    // SAFETY: both buffers are only read, inside the calls that lend them.
    return unsafe a.storage.withBytes { x in
      unsafe b.storage.withBytes { y in unsafe x.elementsEqual(y) }
    }
  }
}
