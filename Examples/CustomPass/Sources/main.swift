import QATOpt

// The command qat-opt with a pass and an operation more.
QatOpt.main(passes: [LimitActivations.self], ops: [LimitedRelu.self])
