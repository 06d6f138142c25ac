"""A training that was interrupted goes on from its checkpoint alone, and ends in the same bits.

    QAT_OPT=.build/debug/qat-opt python resume.py
"""

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import qat_opt

OPTIONS = ["--epochs", "2", "--batch", "8", "--seed", "3", "--optimizer", "adam", "--learning-rate",
           "0.01", "--clip-norm", "1", "--warmup-steps", "3"]
# Options with --resume, exit status, what the message must hold.
CASES = [
    ("--batch 16", 64, ["--batch 16", "--batch 8", "hint:"]),
    ("--seed 4", 64, ["--seed 4", "--seed 3", "hint:"]),
    ("--optimizer sgd", 64, ["--optimizer sgd", "--optimizer adam", "hint:"]),
    ("--momentum 0.5", 64, ["--momentum 0.5", "--momentum 0.9", "hint:"]),
    ("--epochs 5", 64, ["--epochs 5", "--epochs 2", "hint:"]),
    ("--nesterov", 64, ["--nesterov true", "--nesterov false", "hint:"]),
    ("--calibration-batch 4", 64, ["--calibration-batch 4", "--calibration-batch 32", "hint:"]),
    ("--preset default", 64, ["--preset default", "none", "hint:"]),
    ("--data random:12?classes=10", 64, ["samples=40", "samples=12", "hint:"]),
    ("other.onnx", 64, ["other.onnx", "model.onnx", "hint:"]),
]


def prepare(folder):
    maker = Path(__file__).resolve().parent / "models.py"
    subprocess.run([sys.executable, maker, folder / "models", "--only", "helper-cnn", "--no-check"],
                   check=True, capture_output=True)
    (folder / "models" / "helper-cnn.onnx").rename(folder / "model.onnx")


def command(folder, *arguments):
    return subprocess.run([qat_opt.binary(), "train", *arguments], cwd=folder, capture_output=True,
                          text=True)


def interrupt(folder, *arguments):
    """Starts a training and kills it behind its first checkpoint."""
    path = folder / "run.ckpt"
    process = subprocess.Popen([qat_opt.binary(), "train", *arguments], cwd=folder,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not path.exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()


def check(folder, qat):
    """Whether the resumed run writes the file of the uninterrupted one."""
    options = OPTIONS + (["--qat"] if qat else [])
    data = ["--data", "random:40?classes=10"]
    whole = command(folder, "model.onnx", *data, *options, "-o", "whole.onnx")
    assert whole.returncode == 0, whole.stderr
    interrupt(folder, "model.onnx", *data, *options, "--checkpoint", "run.ckpt",
              "--checkpoint-every", "3", "-o", "never.onnx")
    saved = (folder / "run.ckpt").read_bytes()
    # Neither the model nor an option is named; the model is not even there.
    (folder / "model.onnx").rename(folder / "away.onnx")
    problems = []
    for name, more in [("alone", []), ("data", data), ("same", ["--batch", "8", "--seed", "3"])]:
        (folder / "run.ckpt").write_bytes(saved)
        done = command(folder, "--resume", "run.ckpt", *more, "-o", f"{name}.onnx")
        if done.returncode != 0:
            problems.append(f"{name}: {done.stderr.strip()[:300]}")
        elif (folder / f"{name}.onnx").read_bytes() != (folder / "whole.onnx").read_bytes():
            problems.append(f"{name}: another result")
    (folder / "away.onnx").rename(folder / "model.onnx")
    (folder / "run.ckpt").write_bytes(saved)
    return problems


def main():
    failures = 0
    for qat in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            prepare(folder)
            problems = check(folder, qat)
            failures += len(problems)
            print(f"{'qat' if qat else 'float'}: {'; '.join(problems) or 'equal to the bit'}")
            for arguments, status, wanted in CASES:
                done = command(folder, *arguments.split(), "--resume", "run.ckpt", "-o", "OUT.onnx")
                missing = [text for text in wanted if text not in done.stderr]
                if done.returncode != status or missing or (folder / "OUT.onnx").exists():
                    failures += 1
                    print(f"FAIL {arguments}: status {done.returncode}, no {missing}\n"
                          f"    {done.stderr.strip()[:400]}")
    print(f"{failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
