"""Trains a tiny vision transformer on the digits of the example, with PyTorch.

    pip install 'edgeq[example]' torch onnx
    python examples/digits/train_vit.py

Writes digits_vit.onnx beside this file, for the same digits_calib.npz and digits_eval.npz:
input (1, 1, 8, 8) ink / 16, output (1, 10) logits. Another machine's torch may round otherwise.

    16 patches of 2x2 -> 32 values each, a class token in front, learned positions
        -> two blocks of attention (4 heads) and GELU (64), both behind LayerNorm
        -> LayerNorm -> dense 10 on the class token
"""

from __future__ import annotations

import io
import sys

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from train import HERE, INK, load

WIDTH, HEADS, HIDDEN, BLOCKS = 32, 4, 64, 2
SEED, EPOCHS, BATCH, RATE = 3, 120, 64, 2e-3


class Block(nn.Module):
    """Attention, then a hidden layer, each added to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.hidden, self.out = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.out(nn.functional.gelu(self.hidden(self.norm2(x))))


class TinyViT(nn.Module):
    """Images (n, 1, 8, 8) to logits (n, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, WIDTH, 2, stride=2)
        self.token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.position = nn.Parameter(torch.randn(1, 17, WIDTH) * 0.2)
        self.blocks = nn.ModuleList([Block() for _ in range(BLOCKS)])
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


def trained() -> TinyViT:
    """The network after EPOCHS passes over images that are shifted by up to a pixel."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    data, rng = load(), np.random.default_rng(SEED)
    x = torch.from_numpy(data.train_x.transpose(0, 3, 1, 2) / np.float32(INK))
    y = torch.from_numpy(data.train_y)
    net = TinyViT()
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=0.05)
    steps = EPOCHS * -(-len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps)
    for _ in range(EPOCHS):
        for rows in torch.from_numpy(rng.permutation(len(x))).split(BATCH):
            shift = rng.integers(-1, 2, 2)
            images = torch.roll(x[rows], tuple(shift.tolist()), (2, 3))
            loss = nn.functional.cross_entropy(net(images), y[rows], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    net.eval()
    with torch.no_grad():
        held = torch.from_numpy(data.eval_x.transpose(0, 3, 1, 2) / np.float32(INK))
        right = (net(held).argmax(1).numpy() == data.eval_y).mean()
    sys.stdout.write(f"accuracy on {len(held)} unseen digits: {100 * right:.2f} %\n")
    return net


def main() -> None:
    buffer = io.BytesIO()
    torch.onnx.export(trained(), (torch.zeros(1, 1, 8, 8),), buffer, input_names=["image"],
                      output_names=["logits"], opset_version=17, dynamo=False)
    onnx.save(onnx.load_from_string(buffer.getvalue()), HERE / "digits_vit.onnx")


if __name__ == "__main__":
    main()
