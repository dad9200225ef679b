"""Models of the kinds that sentence-transformers loads, tiny and with random weights: no hub is ever asked."""

from __future__ import annotations

from pathlib import Path


def tiny_bert(folder: Path, seed: int = 0) -> str:
    """A model of texts: 2 layers, vectors of 32 numbers, the mean over word pieces."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    letters = [chr(c) for c in range(33, 127)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    bare = folder.with_name(f"{folder.name}-bare")
    bare.mkdir()
    (bare / "vocab.txt").write_text("\n".join(pieces))
    BertTokenizerFast(str(bare / "vocab.txt")).save_pretrained(bare)
    size = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(seed)
    BertModel(BertConfig(vocab_size=len(pieces), max_position_embeddings=64, **size)).save_pretrained(bare)
    words = Transformer(str(bare))
    SentenceTransformer(modules=[words, Pooling(32)], device="cpu").save(str(folder), create_model_card=False)
    return str(folder)


def tiny_clip(folder: Path) -> str:
    """A model of pictures and texts: vectors of 8 numbers."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizerFast

    letters = [chr(c) for c in range(33, 127)]
    vocabulary = {
        t: i for i, t in enumerate([*letters, *(f"{c}</w>" for c in letters), "<|startoftext|>", "<|endoftext|>"])
    }
    folder.mkdir()
    tokenizer = CLIPTokenizerFast(vocab=vocabulary, merges=[])
    size = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = size | {
        "vocab_size": len(vocabulary),
        "eos_token_id": vocabulary["<|endoftext|>"],
        "bos_token_id": vocabulary["<|startoftext|>"],
    }
    config = CLIPConfig(text_config=text, vision_config=size | {"image_size": 32, "patch_size": 16}, projection_dim=8)
    CLIPModel(config).save_pretrained(folder)
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    CLIPProcessor(images, tokenizer).save_pretrained(folder)
    return str(folder)
