import QATCore
import QATIR

/// Mean and 1/√(variance + epsilon) over the axes of a tensor from one axis on.
struct RowStatistics {
  let rowLength: Int
  let means: [Double]
  let inverseDeviations: [Double]

  init<T: ReferenceFloat>(_ x: Tensor<T>, axis: Int, epsilon: Float) {
    let axis = axis < 0 ? axis + x.rank : axis
    let length = x.shape[axis...].reduce(1, *), rows = x.shape[..<axis].reduce(1, *)
    let elements = x.elements
    var means: [Double] = [], inverses: [Double] = []
    for row in 0..<rows {
      let range = row * length..<(row + 1) * length
      var total = 0.0, squares = 0.0
      for i in range { total += Double(elements[i]) }
      let mean = total / Double(length)
      for i in range { squares += (Double(elements[i]) - mean) * (Double(elements[i]) - mean) }
      means.append(mean)
      inverses.append(1 / (squares / Double(length) + Double(epsilon)).squareRoot())
    }
    rowLength = length
    self.means = means
    inverseDeviations = inverses
  }

  /// The elements of a row.
  func range(_ row: Int) -> Range<Int> { row * rowLength..<(row + 1) * rowLength }
}
