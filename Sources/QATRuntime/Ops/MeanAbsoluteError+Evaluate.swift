import QATCore
import QATIR

extension MeanAbsoluteError: LossFormula {
  public func loss(_ prediction: Double, _ target: Double) -> Double {
    (prediction - target).magnitude
  }
}
