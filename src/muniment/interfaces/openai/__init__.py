"""Chat completions as OpenAI's clients expect them, over the same answers as everywhere else."""

CHAT = "/v1/chat/completions"
LONGEST_BODY = 1 << 20
"""Bytes of a chat request: clients send the whole conversation each time."""
