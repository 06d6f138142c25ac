import QATRewrite

extension PassRegistry {
  /// Every pass of this folder, in the order `qat-opt --list-passes` prints them.
  public static let builtin = PassRegistry([
    Canonicalize.self, FoldConstants.self, EliminateDeadNodes.self,
    EliminateCommonSubexpressions.self,
    FuseForFloat.self, ExpandForIntegers.self, MakeTrainable.self, Freeze.self,
    FoldBatchNorm.self, PrepareBatchNorm.self, FuseActivation.self,
    EqualizeCrossLayer.self,
    ApplyLayerConfig.self, AssignBits.self, InsertFakeQuant.self, ShareScales.self, Calibrate.self,
    ResetObservers.self, CheckTarget.self,
    ReestimateBatchNorm.self, CorrectBias.self,
    AttachLoss.self, AttachTeacher.self, EnterTraining.self, Differentiate.self,
    ClipGradients.self,
    ApplyOptimizer.self, RoundProducts.self,
    QuantizeWeights.self, LowerToQDQ.self, FormIntegerRegions.self, LowerToInteger.self,
    LowerDynamic.self, LowerWeightOnly.self, ProveIntegerSafety.self, IsolateIslands.self,
    FuseTables.self, AssignLayout.self, FuseEpilogues.self, ExecuteOnIntegers.self,
    LearnScalesOnIntegers.self, LearnScalesThroughWeights.self, FuseUpdates.self, PlanMemory.self,
  ])
}
