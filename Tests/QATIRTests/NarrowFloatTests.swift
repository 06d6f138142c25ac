import QATCore
import Testing

@Suite("Narrow floats")
struct NarrowFloatTests {
  @Test(
    "round as IEEE 754 says",
    arguments: [
      (ElementType.f16, Float(2049), Float(2048)), (.f16, 2051, 2052), (.f16, 65519, 65504),
      (.f16, 65520, .infinity), (.f16, 0x1p-25, 0), (.f16, 0x1.8p-25, 0x1p-24),
      (.f16, -0x1p-26, -0.0),
      (.bf16, 257, 256), (.bf16, 259, 260), (.bf16, .greatestFiniteMagnitude, .infinity),
      (.f8e5m2, 57344, 57344), (.f8e5m2, 61440, .infinity), (.f8e4m3fn, 448, 448),
      (.f8e4m3fn, 463, 448),
      (.f8e4m3fn, 17, 16), (.f8e4m3fn, 19, 20), (.f8e4m3fnuz, 240, 240), (.f8e4m3fnuz, -0.0, 0),
      (.f8e5m2fnuz, 57344, 57344),
      (.f6e2m3, 7.5, 7.5), (.f6e2m3, 100, 7.5), (.f6e2m3, 0.0625, 0), (.f6e2m3, 0.1875, 0.25),
      (.f6e3m2, 28, 28), (.f6e3m2, -.infinity, -28), (.f6e3m2, 9, 8), (.f6e3m2, 11, 12),
      (.f4e2m1, 6, 6), (.f4e2m1, 5, 4), (.f4e2m1, -0.25, -0.0), (.f4e2m1, 0.75, 1),
      (.f4e2m1, .infinity, 6), (.f4e2m1, .nan, 0),
    ])
  func round(_ element: ElementType, _ value: Float, _ expected: Float) throws {
    let format = try #require(NarrowFloat(element))
    #expect(format.decode(format.encode(value)).bitPattern == expected.bitPattern)
  }

  @Test("bfloat16 is the upper half of a float, rounded to even")
  func roundBrainFloat() throws {
    let format = try #require(NarrowFloat(.bf16))
    var random = SeededGenerator(seed: 3)
    for _ in 0..<20_000 {
      let bits = UInt32(truncatingIfNeeded: random.next())
      let value = Float(bitPattern: bits)
      guard value.isFinite else { continue }
      let rounded = (bits &+ 0x7fff &+ (bits >> 16 & 1)) >> 16
      #expect(format.encode(value) == Int(rounded))
    }
  }

  @Test("saturate where Cast asks for it, and keep the sign of NaN")
  func saturate() throws {
    for (element, largest) in [
      (ElementType.f8e4m3fn, Float(448)), (.f8e4m3fnuz, 240), (.f8e5m2, 57344),
      (.f8e5m2fnuz, 57344),
    ] {
      let format = try #require(NarrowFloat(element))
      for beyond in [largest * 2, 1e30, .infinity] {
        #expect(format.decode(format.encode(beyond, saturate: true)) == largest)
        #expect(format.decode(format.encode(-beyond, saturate: true)) == -largest)
        let open = format.decode(format.encode(beyond))
        #expect(element == .f8e5m2 ? open == .infinity : open.isNaN)
      }
      #expect(format.decode(format.encode(.nan, saturate: true)).isNaN)
    }
    #expect(NarrowFloat(.f8e4m3fn)?.encode(-Float.nan) == 0xff)
  }

  @Test("are encoded to the bits that they are decoded from, every one of them")
  func roundTrip() throws {
    for element: ElementType in [
      .f8e4m3fn, .f8e4m3fnuz, .f8e5m2, .f8e5m2fnuz, .f6e2m3, .f6e3m2, .f4e2m1,
    ] {
      let format = try #require(NarrowFloat(element))
      for bits in 0..<1 << format.bitWidth {
        let number = format.decode(bits)
        if !number.isNaN { #expect(format.encode(number) == bits, "\(element) \(bits)") }
      }
    }
  }

  @Test("powers of two round as ONNX's Cast says")
  func powersOfTwo() {
    for bits in 0..<255 {
      for rounding in PowerOfTwo.Rounding.allCases where bits > 0 {
        let number = PowerOfTwo.decode(bits)
        #expect(PowerOfTwo.encode(number, rounding, saturate: true) == bits)
      }
    }
    #expect(PowerOfTwo.decode(255).isNaN)
    #expect(PowerOfTwo.encode(1.1, .up, saturate: true) == 128)
    #expect(PowerOfTwo.encode(1.9, .down, saturate: true) == 127)
    #expect(PowerOfTwo.encode(1.5, .nearest, saturate: true) == 128)
    #expect(PowerOfTwo.encode(1.49, .nearest, saturate: true) == 127)
    #expect(PowerOfTwo.encode(0, .up, saturate: true) == 0)
    #expect(PowerOfTwo.encode(3e38, .up, saturate: true) == 254)
    #expect(PowerOfTwo.encode(3e38, .up, saturate: false) == 255)
    #expect(PowerOfTwo.encode(.nan, .down, saturate: true) == 255)
  }

  @Test("elements narrower than a byte are packed without gaps")
  func pack() {
    for element: ElementType in [.u2, .i2, .u4, .i4, .f4e2m1, .f6e2m3, .f6e3m2, .f8e8m0] {
      for count in 0..<10 {
        let patterns = (0..<count).map { UInt8($0 * 37 % (1 << element.bitWidth)) }
        let tensor = AnyTensor(element, shape: [count], patterns: patterns)
        #expect(tensor.patterns == patterns)
        #expect(tensor.storage.byteCount == (count * element.bitWidth + 7) / 8)
      }
    }
    // ONNX's own helper packs 1, 2, 3, 4 in 6 bits so.
    #expect(
      AnyTensor(.f6e2m3, shape: [4], patterns: [1, 2, 3, 4])
        == AnyTensor(.f6e2m3, shape: [4], storage: TensorStorage(bytes: [0x81, 0x30, 0x10])))
  }

  #if !(os(macOS) && arch(x86_64))
    @Test("a half float is the machine's, from and to single and double precision")
    func matchFloat16() {
      for bits in UInt16.min...UInt16.max {
        let expected = Float(Float16(bitPattern: bits))
        let found = Half(bits: bits).float
        #expect(found == expected && found.sign == expected.sign || found.isNaN && expected.isNaN)
      }
      var random = SeededGenerator(seed: 4)
      for _ in 0..<50_000 {
        let value = Double(bitPattern: random.next()),
          tame = Double.random(in: -70000...70000, using: &random)
        // Ties that two roundings would break, and every magnitude down to the subnormal ones.
        let small = tame * 0x1p-30, tie = Double(Half(small).float) + 0x1p-25 + small * 0x1p-40
        for x in [value, tame, small, tie] where !x.isNaN {
          #expect(Half(x).bits == Float16(x).bitPattern, "\(x)")
        }
      }
      #expect(Half(Double.nan).float.isNaN && Half(1e300).float == .infinity)
    }
  #endif
}
