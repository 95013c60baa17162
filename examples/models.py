"""Hugging Face models with attention in plain PyTorch, with random weights from a fixed seed."""

import torch


def gpt2(**sizes):
    """GPT-2; the default is the small one (124 M weights)."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(attn_implementation="eager", use_cache=False, **sizes)
    return GPT2LMHeadModel(config).eval()


def gemma2(**sizes):
    """Gemma 2: grouped heads, capped scores, every other layer in a window. Defaults to a model
    of a tenth of the 2B one, with a window that is shorter than 1024 tokens."""
    from transformers import Gemma2Config, Gemma2ForCausalLM

    default = {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 8,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 96,
        "query_pre_attn_scalar": 96,
        "vocab_size": 32000,
        "sliding_window": 512,
    }
    torch.manual_seed(0)
    config = Gemma2Config(attn_implementation="eager", use_cache=False, **default | sizes)
    return Gemma2ForCausalLM(config).eval()


TINY_GPT2 = {"n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 101, "n_positions": 128}
TINY_GEMMA2 = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "query_pre_attn_scalar": 16,
    "vocab_size": 101,
    "sliding_window": 24,
}
MODELS = {"GPT-2": gpt2, "Gemma-2": gemma2}
TINY = {"GPT-2": TINY_GPT2, "Gemma-2": TINY_GEMMA2}


def tokens(model, S: int, batch: int = 1):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(model.config.vocab_size, (batch, S), generator=generator)
