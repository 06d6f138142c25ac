extension AnyTensor {
  /// The bits of each element of a type of at most 8 bits, in the low bits of a byte. O(n).
  /// - Precondition: the type has at most 8 bits.
  public var patterns: [UInt8] {
    let bits = element.bitWidth
    precondition((1...8).contains(bits), "\(element.name) has no patterns of a byte")
    // SAFETY: `init` checked that the bytes hold `elementCount` patterns; the subscripts check too.
    return unsafe storage.withBytes { bytes in
      (0..<elementCount).map { index in
        let (byte, shift) = (index * bits).quotientAndRemainder(dividingBy: 8)
        var pair = unsafe UInt16(bytes[byte])
        if shift + bits > 8 { pair |= unsafe UInt16(bytes[byte + 1]) << 8 }
        return UInt8(truncatingIfNeeded: pair >> shift & ((1 << bits) - 1))
      }
    }
  }

  /// A tensor of elements of at most 8 bits by their bits, packed as ONNX packs them: without gaps, the
  /// first in the low bits of the first byte. High bits that the type has not are dropped. O(n).
  /// - Precondition: the type has at most 8 bits, and there are as many patterns as the shape asks.
  public init(_ element: ElementType, shape: [Int], patterns: [UInt8]) {
    let bits = element.bitWidth
    precondition((1...8).contains(bits), "\(element.name) has no patterns of a byte")
    var packed = Array(repeating: UInt8(0), count: element.byteCount(patterns.count))
    for (index, pattern) in patterns.enumerated() {
      let (byte, shift) = (index * bits).quotientAndRemainder(dividingBy: 8)
      let pair = (UInt16(pattern) & ((1 << bits) - 1)) << shift
      packed[byte] |= UInt8(truncatingIfNeeded: pair)
      if shift + bits > 8 { packed[byte + 1] |= UInt8(truncatingIfNeeded: pair >> 8) }
    }
    self.init(element, shape: shape, storage: TensorStorage(bytes: packed))
  }
}
