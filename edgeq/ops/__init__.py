"""Every operator that edgeq knows, in one explicit tuple; one file an operator."""

from __future__ import annotations

from edgeq.ops.activations import (
    Elu,
    Gelu,
    HardSwish,
    LeakyRelu,
    Logistic,
    Relu,
    Tanh,
)
from edgeq.ops.argextreme import ArgExtreme
from edgeq.ops.base import Op
from edgeq.ops.compare import Compare, LogicalNot
from edgeq.ops.concat import Concat, Pack
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.cumsum import CumSum
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.detection import Detections
from edgeq.ops.div import Div
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.ops.embedding import Embedding
from edgeq.ops.gather import Slice, Transpose
from edgeq.ops.gru import Gru
from edgeq.ops.l2_norm import L2Norm
from edgeq.ops.layer_norm import LayerNorm
from edgeq.ops.log_softmax import LogSoftmax
from edgeq.ops.logic import Logic, Xor
from edgeq.ops.lstm import Lstm
from edgeq.ops.masked_softmax import MaskedSoftmax
from edgeq.ops.matmul import MatMul
from edgeq.ops.max_unpool import MaxPlace, MaxUnpool
from edgeq.ops.minmax import MinMax
from edgeq.ops.one_hot import OneHot
from edgeq.ops.pad import Pad
from edgeq.ops.pool import AveragePool, MaxPool
from edgeq.ops.prelu import PRelu
from edgeq.ops.reduce import Mean, Sum
from edgeq.ops.requantize import Requantize
from edgeq.ops.reshape import Reshape
from edgeq.ops.resize import ResizeBilinear, ResizeNearest
from edgeq.ops.rnn import Rnn
from edgeq.ops.row_sums import MeanOfSums, RowSums
from edgeq.ops.select import Select
from edgeq.ops.shift import Shift
from edgeq.ops.softmax import Softmax
from edgeq.ops.squared_difference import SquaredDifference
from edgeq.ops.suppress import NonMaxSuppression
from edgeq.ops.svdf import Svdf
from edgeq.ops.take import Take
from edgeq.ops.topk import TopK
from edgeq.ops.transpose_conv import TransposeConv

__all__ = ["OPS", "Requantize"]

OPS: tuple[type[Op], ...] = (
    Conv2D,
    DepthwiseConv2D,
    Dense,
    Reshape,
    Add,
    Sub,
    Mul,
    AveragePool,
    MaxPool,
    Mean,
    Sum,
    Pad,
    Concat,
    Softmax,
    Logistic,
    Tanh,
    Relu,
    LeakyRelu,
    HardSwish,
    Elu,
    Gelu,
    Requantize,
    MinMax,
    PRelu,
    Transpose,
    Slice,
    Pack,
    Lstm,
    Gru,
    Rnn,
    ResizeNearest,
    ResizeBilinear,
    TransposeConv,
    MatMul,
    LayerNorm,
    Div,
    Shift,
    Svdf,
    ArgExtreme,
    Compare,
    LogicalNot,
    Select,
    Embedding,
    Detections,
    L2Norm,
    Logic,
    Xor,
    MaxPlace,
    MaxUnpool,
    LogSoftmax,
    CumSum,
    TopK,
    Take,
    OneHot,
    MaskedSoftmax,
    NonMaxSuppression,
    RowSums,
    MeanOfSums,
    SquaredDifference,
)
