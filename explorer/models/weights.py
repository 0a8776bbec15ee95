"""The safetensors files of a model's folder: which there are, whether they are whole, how large.

Only headers are read here. safetensors itself checks that a header's offsets cover the file.
"""

from __future__ import annotations

import hashlib
import json
import math
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from explorer.errors import ModelError, shown

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
UNSAFE = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack", "*.gguf", "*.onnx")
# Bits a number in a file; those that are no floating-point numbers are loaded as they are.
FLOAT_BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16}
OTHER_BITS = {"I64": 64, "U64": 64, "I32": 32, "U32": 32, "I16": 16, "U16": 16}
HASHED_WHOLE = 64 * 2**20
SAMPLES, SAMPLE_BYTES = 64, 2**16


class WeightFiles:
    """The weight files of one folder.

    Raises:
        ModelError: there are none, one is missing, or one is damaged.
    """

    def __init__(self, folder: Path, model_id: str) -> None:
        self.folder = folder
        self.model_id = model_id
        self.paths = self._find()
        self.shapes: dict[str, tuple[str, tuple[int, ...]]] = {}  # name -> (format, shape)
        for path in self.paths:
            self._read_header(path)

    def bytes_as(self, dtype: torch.dtype) -> int:
        """Bytes of all tensors once the floating-point ones are of this dtype."""
        bits = dtype.itemsize * 8
        return sum(
            math.prod(shape) * (bits if kind in FLOAT_BITS else OTHER_BITS.get(kind, 8)) // 8
            for kind, shape in self.shapes.values()
        )

    @cached_property
    def fingerprint(self) -> str:
        """What these files, the configuration and the tokenizer hold, in one word.

        "sha256:…" is over all bytes. Where the weights are larger than 64 MiB it would take long:
        then "sampled-sha256:…" is over names, sizes and 64 evenly spaced blocks of 64 KiB a file.
        """
        whole = sum(path.stat().st_size for path in self.paths) <= HASHED_WHOLE
        digest = hashlib.sha256()
        for path in sorted({*self.paths, *text_files(self.folder)}):
            size = path.stat().st_size
            digest.update(f"{path.name}\0{size}\0".encode())
            with path.open("rb") as file:
                if whole or size <= SAMPLES * SAMPLE_BYTES:
                    while block := file.read(2**20):
                        digest.update(block)
                    continue
                for i in range(SAMPLES):
                    file.seek(i * (size - SAMPLE_BYTES) // (SAMPLES - 1))
                    digest.update(file.read(SAMPLE_BYTES))
        return f"{'' if whole else 'sampled-'}sha256:{digest.hexdigest()[:16]}"

    def _find(self) -> list[Path]:
        if (self.folder / SINGLE).is_file():
            return [self.folder / SINGLE]
        if (self.folder / INDEX).is_file():
            return self._parts()
        unsafe = sorted(p.name for pattern in UNSAFE for p in self.folder.glob(pattern))
        if unsafe:
            raise ModelError(
                f"{self.model_id} holds its weights as {shown(unsafe[0])} alone; only safetensors "
                "files are read, because the others may run code or need another library."
            )
        raise ModelError(
            f"{self.model_id} has no weights in safetensors files: {SINGLE} is missing."
        )

    def _parts(self) -> list[Path]:
        """The files that an index names, each beside it."""
        index = read_json(self.folder / INDEX, self.model_id)
        places = index.get("weight_map")
        names = list(places.values()) if isinstance(places, dict) else []
        if not names or not all(isinstance(n, str) and n == Path(n).name for n in names):
            raise ModelError(f"{self.model_id} is damaged: {INDEX} does not name its files.")
        paths = [self.folder / name for name in sorted(set(names))]
        for path in paths:
            if not path.is_file():
                raise ModelError(
                    f"{self.model_id} is incomplete: {shown(path.name)}, one of {len(paths)} "
                    "weight files, is missing."
                )
        return paths

    def _read_header(self, path: Path) -> None:
        try:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118 (no mapping)
                    part = file.get_slice(name)
                    self.shapes[name] = part.get_dtype(), tuple(part.get_shape())
        except (SafetensorError, OSError, ValueError, MemoryError) as error:
            raise ModelError(
                f"{self.model_id} is damaged: {path.name} is no whole safetensors file "
                f"({first_line(error)})."
            ) from None
        if not self.shapes:
            raise ModelError(f"{self.model_id} is damaged: {path.name} holds no tensors.")


def text_files(folder: Path) -> list[Path]:
    """The small files that decide how the weights are read: configuration and tokenizer."""
    named = ("config.json", "generation_config.json", "chat_template.jinja", "merges.txt")
    found = [folder / name for name in named]
    found += [*folder.glob("tokenizer*"), *folder.glob("vocab*"), *folder.glob("*.model")]
    return sorted({path for path in found if path.is_file()})


def read_json(path: Path, model_id: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ModelError: the file cannot be read or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{model_id} is damaged: {path.name} cannot be read ({first_line(error)})."
        ) from None
    if not isinstance(content, dict):
        raise ModelError(f"{model_id} is damaged: {path.name} holds no JSON object.")
    return content


def first_line(error: BaseException) -> str:
    """What a library's error says, short enough for a sentence."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror  # without the path
    if isinstance(error, KeyError):
        return f"{error} is missing or unknown"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    line = lines[0] if lines else type(error).__name__
    if line.endswith(":") and len(lines) > 1:
        line = f"{line} {lines[1]}"
    line = line.rstrip(".:")
    return line if len(line) <= 200 else line[:199] + "…"
