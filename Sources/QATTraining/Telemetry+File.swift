import QATCore
import QATData

extension Telemetry {
  /// The records as arrays, for NumPy. With T records, Q quantizers and P scales of all of them:
  ///
  /// | array | type | what |
  /// |---|---|---|
  /// | `step`, `loss`, `quantizes` | i64, f32, bool [T] | the step, its loss, whether quantizers rounded |
  /// | `scale`, `zero_point` | f32, i32 [T,P] | of all quantizers, one behind the other |
  /// | `minimum`, `maximum` | f32 [T,Q] | the range of the tensor |
  /// | `saturation`, `dead_codes`, `sqnr` | f32 [T,Q] | shares 0…1; decibels |
  /// | `gradient_norm`, `pass_through` | f32 [T,Q] | NaN where no gradient arrives |
  /// | `oscillations`, `oscillating` | i64, f32 [T,Q] | -1 and NaN of activations |
  /// | `metadata` | u8 | `metadata`, as UTF-8 |
  public var arrays: [String: AnyTensor] {
    let count = records.count, width = quantizers.count
    let scales = quantizers.reduce(0) { $0 + $1.channels }
    func table(_ value: (QuantizerMeasure) -> Double?) -> AnyTensor {
      AnyTensor(
        shape: [count, width],
        records.flatMap { $0.measures.map { value($0).map { Float($0) } ?? .nan } })
    }
    return [
      "step": AnyTensor(shape: [count], records.map { Int64($0.step) }),
      "loss": AnyTensor(shape: [count], records.map(\.loss)),
      "quantizes": AnyTensor(shape: [count], records.map(\.quantizes)),
      "scale": AnyTensor(shape: [count, scales], records.flatMap { $0.measures.flatMap(\.scale) }),
      "zero_point": AnyTensor(
        shape: [count, scales], records.flatMap { $0.measures.flatMap(\.zeroPoint) }),
      "minimum": table { Double($0.minimum) },
      "maximum": table { Double($0.maximum) },
      "saturation": table(\.saturation),
      "dead_codes": table(\.deadCodes),
      "sqnr": table(\.sqnr),
      "gradient_norm": table(\.gradientNorm),
      "pass_through": table(\.passThrough),
      "oscillations": AnyTensor(
        shape: [count, width],
        records.flatMap { $0.measures.map { Int64($0.oscillations ?? -1) } }),
      "oscillating": table(\.oscillating),
      "metadata": AnyTensor(shape: [metadata.utf8.count], Array(metadata.utf8)),
    ]
  }

  /// What the columns are, as JSON: `{"every": …, "quantizers": [{"name": …, "grid": …, "weight": …,
  /// "first": …, "channels": …}, …]}`; the scales of a quantizer are the columns from `first` on.
  public var metadata: String {
    var first = 0
    let entries = quantizers.map { quantizer in
      defer { first += quantizer.channels }
      return "{\"name\": \(quoted(quantizer.name)), \"grid\": \(quoted(quantizer.grid)), "
        + "\"weight\": \(quantizer.isWeight), \"first\": \(first), "
        + "\"channels\": \(quantizer.channels)}"
    }
    return
      "{\"version\": 1, \"every\": \(every), \"quantizers\": [\(entries.joined(separator: ", "))]}"
  }

  /// Writes `arrays` as an `.npz` file, there whole or not at all:
  /// `json.loads(bytes(numpy.load(path)["metadata"]))` names the columns.
  /// - Throws: `io`; `unsupported` beyond 4 GiB.
  public func write(to path: String) throws(Diagnostic) { try NPZ.write(arrays, to: path) }
}
