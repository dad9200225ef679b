"""One thread: these tensors are too small to share, and two threads wait for each other on a busy machine."""

from __future__ import annotations

import faiss
import torch

torch.set_num_threads(1)
faiss.omp_set_num_threads(1)
