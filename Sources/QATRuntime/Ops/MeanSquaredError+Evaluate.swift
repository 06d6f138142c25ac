import QATCore
import QATIR

extension MeanSquaredError: LossFormula {
  public func loss(_ prediction: Double, _ target: Double) -> Double {
    (prediction - target) * (prediction - target)
  }
}
