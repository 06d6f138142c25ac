import ArgumentParser
import QAT

/// The forms that `quantize` writes.
enum QuantizeFormat: String, ExpressibleByArgument, CaseIterable {
  case qdq
  case qoperator
  case dynamic
  case weightOnly = "weight-only"
  case matmulnbits

  var form: QuantizedForm {
    switch self {
    case .qdq: .qdq
    case .qoperator: .qoperator
    case .dynamic: .dynamic
    case .weightOnly: .weightOnly
    case .matmulnbits: .matmulnbits
    }
  }
}
