import QATCore
import QATIR

extension BinaryCrossEntropy: LossFormula {
  public func loss(_ prediction: Double, _ target: Double) -> Double {
    max(prediction, 0) - prediction * target + Double.log(1 + Double.exp(-prediction.magnitude))
  }
}
