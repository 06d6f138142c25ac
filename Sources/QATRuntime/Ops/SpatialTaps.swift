import QATIR

/// One meeting of a window, an element under it and a position in the kernel, as row-major offsets
/// over the spatial axes.
struct SpatialTap {
  /// Of the larger side: the input of a convolution or a pooling.
  var input = 0
  /// Of the smaller side: its output.
  var output = 0
  var kernel = 0
}

/// All taps of a window inside the input, ordered by output and then by kernel offset.
///
/// Convolutions, transposed convolutions, poolings and their gradients all are loops over these.
func spatialTaps(_ axes: [WindowAxis]) -> [SpatialTap] {
  var outputs = [[SpatialTap()]]
  for axis in axes {
    outputs = outputs.flatMap { taps in
      (0..<axis.output).map { output in
        taps.flatMap { tap in
          (0..<axis.kernel).compactMap { kernel in
            let position = axis.position(output: output, kernel: kernel)
            guard (0..<axis.input).contains(position) else { return nil }
            return SpatialTap(
              input: tap.input * axis.input + position, output: tap.output * axis.output + output,
              kernel: tap.kernel * axis.kernel + kernel)
          }
        }
      }
    }
  }
  return outputs.flatMap { $0 }
}
