internal import CQATKernels
import QATCore

/// Codes of one scale, in the place of the numbers x = (q - zero)·scale.
public struct ScaledCodes {
  let codes: TensorView
  private let scale: Float, zero: Int32

  /// - Parameters:
  ///   - codes: u8 or i8. - zero: one of them.
  public init(_ codes: TensorView, scale: Float, zero: Int32) {
    precondition([.u8, .i8].contains(codes.element))
    (self.codes, self.scale, self.zero) = (codes, scale, zero)
  }

  var count: Int { codes.count }

  // SAFETY: as long as the view lives.
  var c: qat_codes {
    unsafe qat_codes(q: codes.base, is_signed: codes.element == .i8, scale: scale, zero: zero)
  }
}
