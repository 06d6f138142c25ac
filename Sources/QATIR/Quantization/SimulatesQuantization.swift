/// What a fake-quantized graph is made of beside the model: quantizers, and what finds their scales.
/// Nothing of it is in the float model or in the lowered one.
public protocol SimulatesQuantization: Operation {}

extension FakeQuantize: SimulatesQuantization {}
extension FakeQuantizeBias: SimulatesQuantization {}
extension FoldedBiasRounding: SimulatesQuantization {}
extension Observe: SimulatesQuantization {}
extension LearnRange: SimulatesQuantization {}
extension ScaleFromLearned: SimulatesQuantization {}
extension MinMax: SimulatesQuantization {}
extension ScaleFromRange: SimulatesQuantization {}
