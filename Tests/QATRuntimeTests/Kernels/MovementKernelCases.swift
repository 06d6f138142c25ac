import QATCore
import QATIR

extension KernelCase {
  static let movements: [KernelCase] =
    [
      KernelCase(op: Transpose(perm: [2, 0, 1]), operands: [floats([3, 4, 5])]),
      KernelCase(op: Transpose(perm: nil), operands: [codes([2, 3, 4, 2], .i8)]),
      KernelCase(op: Expand(), operands: [floats([3, 1]), integers([2, 1, 4])]),
      KernelCase(
        op: Slice(), operands: [floats([6, 7]), integers([1]), integers([5]), integers([-1])]),
      KernelCase(
        op: Slice(),
        operands: [
          floats([6, 7]), integers([-1, 5]), integers([-7, 0]), nil, integers([-2, -1]),
        ]),
      KernelCase(
        op: Split(axis: 1), operands: [floats([2, 7, 3]), integers([3, 4])], results: 2),
      KernelCase(
        op: Concat(axis: 1), operands: [floats([2, 3, 2]), floats([2, 1, 2])], inputs: [0, 1]),
      KernelCase(
        op: Concat(axis: -1), operands: [codes([2, 3], .u8), codes([2, 4], .u8)], inputs: [0, 1]),
      KernelCase(op: Tile(), operands: [floats([2, 3, 4]), integers([2, 1, 3])]),
      KernelCase(op: Tile(), operands: [codes([3, 1], .i8), integers([1, 5])]),
      KernelCase(op: DepthToSpace(blockSize: 2), operands: [floats([2, 8, 3, 2])]),
      KernelCase(
        op: DepthToSpace(blockSize: 3, order: .columnFirst), operands: [codes([1, 18, 2, 1], .u8)]),
      KernelCase(op: SpaceToDepth(blockSize: 2), operands: [floats([2, 3, 4, 6])]),
      KernelCase(
        op: SpaceToDepth(blockSize: 2, order: .columnFirst), operands: [codes([1, 3, 2, 4], .i8)]),
      KernelCase(
        op: Gather(axis: 1), operands: [floats([3, 5, 4]), integers([-1, 0, 2, 2])], inputs: [0, 1]),
      KernelCase(
        op: GatherND(), operands: [floats([3, 4, 2]), integers([2, -1, 0, 3]).reshaped([2, 2])],
        inputs: [0, 1]),
      KernelCase(
        op: GatherND(batchDimensions: 1),
        operands: [codes([2, 4, 3], .u8), integers([2, -1]).reshaped([2, 1])]),
      KernelCase(
        op: ScatterND(),
        operands: [floats([3, 4]), integers([2, 0]).reshaped([2, 1]), floats([2, 4], 5, 6)],
        inputs: [0, 1, 2]),
    ] + paddings + resizes

  static let paddings: [KernelCase] =
    [PadMode.constant, .reflect, .edge, .wrap].flatMap { mode in
      [
        KernelCase(
          op: Pad(mode: mode), operands: [floats([2, 4, 5]), integers([0, 2, 1, 0, 0, 3])]),
        KernelCase(
          op: Pad(mode: mode), operands: [floats([2, 4, 5]), integers([0, -1, 2, 0, 3, -2])]),
        KernelCase(op: Pad(mode: mode), operands: [codes([6], .i8), integers([4, 2])]),
      ]
    } + [
      KernelCase(
        op: Pad(), operands: [codes([3, 4], .u8), integers([1, 2]), zero(7, .u8), integers([-1])])
    ]

  static let resizes: [KernelCase] = [
    ResizeCoordinates.halfPixel, .halfPixelSymmetric, .alignCorners, .asymmetric,
  ].flatMap { coordinates in
    [[2, 3, 8, 10], [2, 3, 2, 1], [2, 3, 4, 9]].flatMap { sizes in
      let sizes = integers(sizes.map(Int64.init))
      return [
        KernelCase(
          op: Resize(.nearest, coordinates), operands: [floats([2, 3, 4, 5]), nil, nil, sizes]),
        KernelCase(
          op: Resize(.nearest, coordinates), operands: [codes([2, 3, 4, 5], .u8), nil, nil, sizes]),
        KernelCase(
          op: Resize(.linear, coordinates), operands: [floats([2, 3, 4, 5]), nil, nil, sizes]),
      ]
    }
  }
}
