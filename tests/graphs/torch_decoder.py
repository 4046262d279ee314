"""A small GPT in PyTorch: all tokens at once, or one at a time with keys and values given."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

WORDS, WIDTH, HEADS, LAYERS, PAST = 29, 32, 4, 2, 15  # PAST: tokens kept beside the new one
EACH = WIDTH // HEADS


class Block(nn.Module):
    """Attention and a perceptron, normalized before each."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.wide, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value as (1, HEADS, tokens, EACH)."""
        q, k, v = self.qkv(self.before(x)).split(WIDTH, 2)
        n = x.shape[1]
        return tuple(t.view(1, n, HEADS, EACH).transpose(1, 2) for t in (q, k, v))  # type: ignore[return-value]

    def rest(self, x: Tensor, y: Tensor) -> Tensor:
        """Behind the attention."""
        x = x + self.out(y.transpose(1, 2).reshape(1, -1, WIDTH))
        return x + self.narrow(gelu(self.wide(self.between(x))))


class Decoder(nn.Module):
    """Logits of the next token for each token of a text."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, WIDTH), nn.Embedding(PAST + 1, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.last, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WORDS, bias=False)

    def forward(self, words: Tensor) -> Tensor:
        x = self.words(words) + self.places.weight[None, :words.shape[1]]
        for block in self.blocks:
            q, k, v = block.heads(x)
            x = block.rest(x, scaled_dot_product_attention(q, k, v, is_causal=True))
        y: Tensor = self.head(self.last(x))
        return y


class Step(nn.Module):
    """The same for one token; `keep` says which of the PAST tokens and the new one are there."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, word: Tensor, place: Tensor, keep: Tensor,
                *past: Tensor) -> tuple[Tensor, ...]:
        net = self.decoder
        x, present = net.words(word) + net.places(place), []
        for i, block in enumerate(net.blocks):
            q, k, v = block.heads(x)
            k, v = torch.cat([past[2 * i], k], 2), torch.cat([past[2 * i + 1], v], 2)
            present += [k, v]
            x = block.rest(x, scaled_dot_product_attention(q, k, v, keep[:, None, None]))
        return (net.head(net.last(x)), *present)


def trained(steps: int = 120) -> Decoder:
    """A decoder that has learned a little of texts that count on by a step of their own."""
    torch.manual_seed(3)
    net = Decoder()
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(steps):
        loss = sum((nn.functional.cross_entropy(net(t[:, :-1])[0], t[0, 1:])
                    for t in texts(4)), torch.zeros(()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


def texts(n: int) -> list[Tensor]:
    """n texts (1, PAST + 2), each of which goes on by the same step."""
    first, by = torch.randint(0, WORDS, (n, 1)), torch.randint(1, 5, (n, 1))
    return list(((first + by * torch.arange(PAST + 2)) % WORDS).split(1))
