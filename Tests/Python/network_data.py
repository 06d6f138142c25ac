"""Inputs of whole networks, drawn from a seed: scenes with the spectrum of photographs, lines of text,
bytes of files, tones. `samples(path, model, count, seed)` finds what a file takes by its name, or
by the shape of its inputs."""

import itertools
from pathlib import Path

import numpy as np

import models

F32 = np.float32
GLYPH = 5, 7  # columns and rows of a made-up letter


def scene(random, height, width):
    """RGB in 0…255: noise whose amplitude falls with frequency, as in photographs, and flat shapes."""
    falloff = 1 / np.maximum(np.hypot(np.fft.fftfreq(height)[:, None] * height,
                                      np.fft.rfftfreq(width) * width), 1)
    waves = np.fft.irfft2(np.fft.rfft2(random.standard_normal((4, height, width))) * falloff,
                          (height, width))
    image = 0.8 * waves[:1] + 0.3 * waves[1:]  # light and shade, and some colour
    image = 128 + 60 * image / image.std() + random.normal(0, 25)
    rows, columns = np.mgrid[:height, :width]
    for _ in range(random.integers(2, 7)):
        centre, radius = random.uniform(0, 1, 2), random.uniform(0.03, 0.25, 2)
        distance = [(rows / height - centre[0]) / radius[0], (columns / width - centre[1]) / radius[1]]
        inside = np.hypot(*distance) < 1 if random.random() < 0.5 else np.abs(distance).max(0) < 1
        image = np.where(inside, random.uniform(0, 255, (3, 1, 1)), image)
    return np.clip(image, 0, 255)


def text_line(random, height, width):
    """RGB in 0…255: letters of an alphabet nobody reads, dark on light or light on dark."""
    alphabet = np.random.default_rng(5).random((40, GLYPH[1], GLYPH[0])) < 0.5
    row = np.zeros((GLYPH[1] + 2, 1), bool)
    cell = np.zeros((GLYPH[1] + 2, GLYPH[0] + 1), bool)
    for letter in random.integers(0, 40, int(random.integers(5, 4 * width // height))):
        cell[1:-1, :-1] = alphabet[letter] & (random.random() < 0.9)
        row = np.hstack([row, cell])
    at = (np.arange(height) * row.shape[0] // height)[:, None], np.arange(width) * row.shape[1] // width
    ink = row[at].astype(float)
    ink = (ink + np.roll(ink, 1, 0) + np.roll(ink, 1, 1)) / 3
    paper, colour = random.uniform(150, 255, (3, 1, 1)), random.uniform(0, 110, (3, 1, 1))
    if random.random() < 0.3:
        paper, colour = colour, paper
    image = paper + (colour - paper) * ink + random.normal(0, random.uniform(0, 8), (3, height, width))
    if random.random() < 0.5:
        image = image[:, ::-1, ::-1]
    return np.clip(image, 0, 255)


def page(random, height, width):
    """RGB in 0…255: lines of text on a scene."""
    image = scene(random, height, width) * 0.5 + 120
    for _ in range(random.integers(3, 9)):
        h, w = random.integers(12, 40), random.integers(60, width)
        top, left = random.integers(0, height - h), random.integers(0, width - w + 1)
        image[:, top:top + h, left:left + w] = text_line(random, h, w)
    return np.clip(image, 0, 255)


def imagenet(image):
    mean, deviation = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
    return (image / 255 - mean) / deviation


def signed(image):
    return image / 127.5 - 1


def grey(image):
    return signed(image).mean(0, keepdims=True)


def nsfw(image):
    """As Caffe's networks want it: BGR, the mean taken off, channels last."""
    return image[::-1].transpose(1, 2, 0) - [104, 117, 123]


def bytes_of_file(random):
    """What magika looks at: the first and the last 1024 bytes of a file, of many kinds."""
    files = [p for p in itertools.chain(Path(np.__file__).parent.rglob("*.*"),
                                        Path(__file__).parents[2].rglob("*.*"))
             if p.is_file() and p.stat().st_size > 2048]
    data = np.frombuffer(files[random.integers(len(files))].read_bytes(), np.uint8).astype(np.int32)
    return np.concatenate([data[:1024], data[-1024:]])


def tones(random):
    """Two seconds of chords at 22,050 Hz, in a room that is not quiet."""
    time = np.arange(43844) / 22050
    wave = random.normal(0, 0.01, time.size)
    wave += 0.05 * np.sin(2 * np.pi * np.cumsum(random.normal(50, 400, time.size)) / 22050)
    for _ in range(random.integers(2, 9)):
        start, pitch = random.uniform(0, 1.8), 440 * 2 ** (random.integers(-30, 30) / 12)
        envelope = np.where(time > start, np.exp(-3 * (time - start)), 0)
        for overtone in range(1, 6):
            wave += 0.3 / overtone * envelope * np.sin(2 * np.pi * pitch * overtone * time)
    return (wave / max(1, np.abs(wave).max()))[:, None]


# A part of a file's name, and how a sample of its one input is made.
KINDS = {
    "_cls_infer": lambda r: signed(text_line(r, 48, 192)),
    "_rec_infer": lambda r: signed(text_line(r, 48, 320)),
    "_det_infer": lambda r: imagenet(page(r, 320, 320)),
    "common_det": lambda r: page(r, 416, 416),
    "common": lambda r: grey(text_line(r, 64, 192)),
    "captcha": lambda r: text_line(r, 60, 160) / 255,
    "layout": lambda r: imagenet(page(r, 800, 608)),
    "320n": lambda r: scene(r, 320, 320) / 255,
    "open-nsfw": lambda r: nsfw(scene(r, 224, 224)),
    "nmp": tones,
    "standard_v": bytes_of_file,
}


def drawn(random, shape, is_float):
    """A sample by its shape alone: a scene where it is an image, tokens where it is no number."""
    if not is_float:
        return random.integers(0, 200, shape)
    if len(shape) == 3 and shape[0] == 3:
        return imagenet(scene(random, *shape[1:]))
    return random.standard_normal(shape)


def samples(path, model, count, seed):
    """{input: array of `count` samples} for a model of a file."""
    random = np.random.default_rng(seed)
    kind = next((make for part, make in KINDS.items() if part in path.stem), None)
    result = {}
    for value in models.fed(model):
        tensor = value.type.tensor_type
        element = np.float32 if tensor.elem_type == 1 else \
            models.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        shape = [d.dim_value if d.dim_value > 0 else 8 for d in tensor.shape.dim][1:]
        make = kind or (lambda r: drawn(r, shape, element == F32))
        result[value.name] = np.stack([make(random) for _ in range(count)]).astype(element)
    return result
