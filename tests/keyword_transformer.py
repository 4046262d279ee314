"""A small keyword transformer, trained with PyTorch on the keyword samples of ../shared.

There are 300 samples of 12 words, so it recognizes few of the words that it has not heard; what
the tests want of it is weights and activations as training makes them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

WIDTH, HIDDEN, BLOCKS, WORDS = 40, 80, 2, 12  # one head, as in KWT (Berg et al. 2021)
FRAMES, COEFFICIENTS = 49, 10
EPOCHS, BATCH, RATE, SEED = 120, 50, 2e-3, 1


@dataclass(frozen=True)
class Words:
    """MFCC (n, 49, 10) and labels (n,)."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]


class Block(nn.Module):
    """Attention and a hidden layer, each added to its input and normalized behind."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.mix = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.hidden, self.out = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x)[:, None].chunk(3, -1)
        y = nn.functional.scaled_dot_product_attention(q, k, v)[:, 0]
        x = self.norm1(x + self.mix(y))
        return self.norm2(x + self.out(nn.functional.gelu(self.hidden(x))))


class KeywordTransformer(nn.Module):
    """MFCC (n, 49, 10) to logits (n, 12); standardizes its inputs itself."""

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        self.embed = nn.Linear(COEFFICIENTS, WIDTH)
        self.token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.position = nn.Parameter(torch.randn(1, FRAMES + 1, WIDTH) * 0.1)
        self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)))
        self.head = nn.Linear(WIDTH, WORDS)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed((x - self.mean) / self.std)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.position
        return self.head(self.blocks(x)[:, 0])


def trained(words: Words) -> KeywordTransformer:
    """The network after EPOCHS passes over shifted, noisy samples with a gap of 8 frames."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    rng = np.random.default_rng(SEED)
    x, y = torch.from_numpy(words.x), torch.from_numpy(words.y)
    net = KeywordTransformer(x.mean((0, 1)), x.std((0, 1)))
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, EPOCHS * -(-len(x) // BATCH))
    for _ in range(EPOCHS):
        for rows in torch.from_numpy(rng.permutation(len(x))).split(BATCH):
            heard = torch.roll(x[rows], int(rng.integers(-6, 7)), 1)
            heard = heard + net.std * 0.3 * torch.randn(heard.shape)
            start = int(rng.integers(0, FRAMES - 8))
            heard[:, start:start + 8] = net.mean
            loss = nn.functional.cross_entropy(net(heard), y[rows], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.eval()
