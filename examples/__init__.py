"""Attention variants as a user would write them in plain PyTorch; `examples.cases` lists them."""
