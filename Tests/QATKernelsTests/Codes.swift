import CQATKernels

/// Codes of one scale, and the numbers they stand for.
struct Codes {
  let bytes: [UInt8], isSigned: Bool
  private let scale: Float = 0.03
  private var zero: Int32 { isSigned ? -7 : 200 }

  /// From numbers in -1 ... 1.
  init(_ x: [Float], isSigned: Bool) {
    bytes = x.map { UInt8(truncatingIfNeeded: Int(($0 * 128).rounded(.down))) }
    self.isSigned = isSigned
  }

  var numbers: [Float] {
    bytes.map {
      Float((isSigned ? Int32(Int8(bitPattern: $0)) : Int32($0)) - zero) * scale
    }
  }

  func withPointer(_ body: (UnsafePointer<qat_codes>) -> Void) {
    bytes.withUnsafeBufferPointer { bytes in
      var codes = qat_codes(q: bytes.baseAddress, is_signed: isSigned, scale: scale, zero: zero)
      body(&codes)
    }
  }
}
