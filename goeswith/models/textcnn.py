"""TextCNN: titles in word pieces to vectors, by learned convolutions over frozen word vectors.

Kim 2014, "Convolutional Neural Networks for Sentence Classification", in the form that AKD-DBPR takes for its
contextual features: kernels 2, 3, 4 and 5 words high, 100 maps of each, ReLU, maximum over time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag


class TextCnn(nn.Module):
    """(U, L) numbers of word pieces to (U, D), D = maps · len(heights).

    c_t = Σ_s W_s · v(t + s) for a window of words from t on, and what is kept is relu(max_t c_t + b). A window holds
    words only, but for a text shorter than the kernel, which has one window, filled up with zeros: so how far texts
    are padded changes nothing, and every text has an answer.

    W_s · v is computed once for each distinct word of the batch and then summed by lookup: a batch has
    some hundreds of distinct words in some thousands of places.

    Args:
        vectors: (V, E) frozen word vectors (`goeswith.data.encoders.networks.word_vectors`); row 0 is padding, its
            values are ignored. They are not saved with the model: they belong to the encoder that gave the numbers,
            would be 47 MB a run, and a title of another catalogue may need any of them.
        maps: of each kernel. heights: of the kernels, in words.
    """

    vectors: Tensor

    def __init__(self, vectors: Tensor, maps: int = 100, heights: tuple[int, ...] = (2, 3, 4, 5)) -> None:
        super().__init__()
        self.heights, self.maps = heights, maps
        frozen = vectors.detach().clone()
        frozen[0] = 0
        self.register_buffer("vectors", frozen, persistent=False)
        size = vectors.shape[1]
        kernels = [torch.empty(size, h, maps).uniform_(-1, 1) / (h * size) ** 0.5 for h in heights]
        self.kernels = nn.Parameter(torch.cat(kernels, dim=1))  # (E, Σh, maps): the W_s of every kernel side by side
        self.bias = nn.Parameter(torch.zeros(len(heights), maps))

    @property
    def dim(self) -> int:
        """D, the size of what comes out."""
        return self.bias.numel()

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: (U, L), whole numbers of any type, 0 after the words. Returns (U, D), all ≥ 0."""
        lengths = (tokens != 0).sum(dim=1)
        longest = max(int(lengths.max()) if len(lengths) else 0, *self.heights)
        tokens = nn.functional.pad(tokens[:, :longest].long(), (0, max(longest - tokens.shape[1], 0)))
        words, indices = tokens.unique(return_inverse=True)  # (W,), (U, longest)
        table = self.vectors[words] @ self.kernels.flatten(1)
        # Under autocast it is bfloat16, too coarse for gradients that are sums over all places of a word.
        table = table.to(torch.promote_types(table.dtype, torch.float32)).view(-1, self.maps)  # (W·Σh, maps)
        rows, first, pooled = indices * self.kernels.shape[1], 0, []
        for height, bias in zip(self.heights, self.bias, strict=True):
            offsets = torch.arange(first, first + height, device=tokens.device)
            windows = rows.unfold(1, height, 1) + offsets  # (U, T, h): which row of the table each word of a window is
            sums = embedding_bag(windows.reshape(-1, height), table, mode="sum").view(*windows.shape[:2], self.maps)
            inside = torch.arange(windows.shape[1], device=tokens.device) <= (lengths[:, None] - height).clamp_min(0)
            pooled.append((sums.masked_fill(~inside[:, :, None], -torch.inf).amax(dim=1) + bias).relu())
            first += height
        return torch.cat(pooled, dim=1)
