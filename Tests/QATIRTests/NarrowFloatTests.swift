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
