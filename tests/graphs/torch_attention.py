"""Attention as PyTorch models write it, with the masks that they add, choose or are given."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

T, D, HEADS = 6, 16, 2  # tokens, width, heads
LOWEST = torch.finfo(torch.float32).min


def heads(x: Tensor) -> Tensor:
    """(1, T, D) as (1, HEADS, T, D / HEADS)."""
    return x.view(1, T, HEADS, D // HEADS).transpose(1, 2)


def joined(x: Tensor) -> Tensor:
    return x.transpose(1, 2).reshape(1, T, D)


class Fused(nn.Module):
    """scaled_dot_product_attention, causal, or with a mask of truth values that is given."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(D, 3 * D)

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        q, k, v = (heads(t) for t in self.qkv(x).split(D, 2))
        if keep is None:
            return joined(scaled_dot_product_attention(q, k, v, is_causal=True))
        mask = keep[:, None, None, :] & torch.ones(T, T, dtype=torch.bool).tril()
        return joined(scaled_dot_product_attention(q, k, v, attn_mask=mask))


class Library(nn.Module):
    """nn.MultiheadAttention: causal by a constant, or with padding that is given."""

    def __init__(self, weights: bool = False) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(D, HEADS, batch_first=True)
        self.weights = weights
        self.register_buffer("later", torch.triu(torch.ones(T, T, dtype=torch.bool), 1))

    def forward(self, x: Tensor, pad: Tensor | None = None) -> Tensor:
        mask = self.later if pad is None else None
        y: Tensor = self.attention(x, x, x, attn_mask=mask, key_padding_mask=pad,
                                   need_weights=self.weights)[0]
        return y


class Encoder(nn.Module):
    """nn.TransformerEncoderLayer: causal, or with padding that is given."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(D, HEADS, 32, batch_first=True, activation="gelu",
                                                norm_first=True)
        self.register_buffer("later", nn.Transformer.generate_square_subsequent_mask(T))

    def forward(self, x: Tensor, pad: Tensor | None = None) -> Tensor:
        y: Tensor = (self.layer(x, src_mask=self.later, is_causal=True) if pad is None else
                     self.layer(x, src_key_padding_mask=pad))
        return y


class Filled(nn.Module):
    """masked_fill with a number, causal."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self.qkv, self.number = nn.Linear(D, 3 * D), number
        self.register_buffer("lower", torch.tril(torch.ones(1, 1, T, T)))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (heads(t) for t in self.qkv(x).split(D, 2))
        scores = (q @ k.transpose(-1, -2) * 0.3).masked_fill(self.lower == 0, self.number)
        return joined(scores.softmax(-1) @ v)


class Added(nn.Module):
    """A padding mask of 1 and 0 that is given, as a large number that is added."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(D, 3 * D)

    def forward(self, x: Tensor, keep: Tensor) -> Tensor:
        q, k, v = (heads(t) for t in self.qkv(x).split(D, 2))
        mask = (1.0 - keep[:, None, None, :].to(x.dtype)) * LOWEST
        return joined((q @ k.transpose(-1, -2) * 0.3 + mask).softmax(-1) @ v)


PAD = torch.tensor([[False] * 4 + [True] * 2])
CASES: dict[str, tuple[nn.Module, tuple[Tensor, ...]]] = {
    "fused causal": (Fused(), ()), "fused with a mask": (Fused(), (~PAD,)),
    "library causal": (Library(), ()), "library with weights": (Library(True), ()),
    "library with padding": (Library(), (PAD,)),
    "encoder causal": (Encoder(), ()), "encoder with padding": (Encoder(), (PAD,)),
    "filled with infinity": (Filled(float("-inf")), ()), "filled with -1e9": (Filled(-1e9), ()),
    "filled with the lowest": (Filled(LOWEST), ()),
    "added for reals": (Added(), ((~PAD).float(),)),
    "added for integers": (Added(), ((~PAD).long(),)),
}
