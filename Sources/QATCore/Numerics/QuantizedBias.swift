/// The scale of a bias's int32 codes: `s_x·s_w`, one float32 product.
public func biasScale(_ xScale: Float, _ wScale: Float) -> Float { xScale * wScale }

/// The int32 code of a bias: `saturate(rint(b/scale))`, zero point 0. NaN takes 0.
public func quantizedBias(_ b: Float, scale: Float) -> Int32 {
  let rounded = (b / scale).rounded(.toNearestOrEven)
  if rounded.isNaN { return 0 }
  if rounded >= 0x1p31 { return .max }
  return rounded <= -0x1p31 ? .min : Int32(rounded)
}
