import QATCore
import QATIR

/// Integer labels and class weights of a cross entropy, checked against its logits [N,C,…].
struct ClassLabels {
  let labels: [Int]
  /// The weight of each label's class.
  let weights: [Double]

  /// - Throws: `invalid-data` for a label outside 0..<C.
  init(_ labels: AnyTensor, weights: AnyTensor?, classes: Int) throws(Diagnostic) {
    self.labels = labels.integers ?? []
    if let index = self.labels.firstIndex(where: { !(0..<classes).contains($0) }) {
      throw Self.outside(self.labels[index], at: index, classes)
    }
    let ofClass = weights?.doubles
    self.weights = self.labels.map { ofClass?[$0] ?? 1 }
  }

  static func outside(_ label: Int, at index: Int, _ classes: Int) -> Diagnostic {
    Diagnostic(
      .invalidData, "label \(label) at index \(index) is outside 0..<\(classes)",
      hint: "labels are class numbers that start from 0")
  }

  var totalWeight: Double { weights.reduce(0, +) }
}
