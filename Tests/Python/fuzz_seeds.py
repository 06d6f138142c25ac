"""Writes a few small models of every op into a folder: what `scripts/fuzz` starts from.

    python fuzz_seeds.py FOLDER
"""

import sys
from pathlib import Path

import op_cases
import op_tests

LARGEST = 8_000  # bytes: mutations of small files find more


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for op, make in op_tests.OPS.items():
        for index in range(3):
            data = make(op_cases.Draw(index, *op.encode())).model.SerializeToString()
            if len(data) <= LARGEST:
                (folder / f"{op}-{index}.onnx").write_bytes(data)


if __name__ == "__main__":
    main()
