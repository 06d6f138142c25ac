import QATCore
import QATIR

extension If: RunsBodies {
  public func evaluate(
    _ operands: [AnyTensor?], _ bodies: [any RunnableBody]
  ) throws(Diagnostic) -> [AnyTensor] {
    guard let condition = operands[0]?.elements(as: Bool.self), condition.count == 1 else {
      throw Diagnostic(.shapeMismatch, "the condition of an If has one element")
    }
    return try bodies[condition[0] ? 0 : 1].run(captured(operands))
  }
}
