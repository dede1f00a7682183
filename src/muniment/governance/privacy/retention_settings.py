"""What an operator may set about how long things are kept."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class RetentionSettings(BaseModel):
    """`[retention]`: for how many days each is kept; 0 is for ever."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    conversations: int = Field(0, ge=0, le=36_500)
    """Since somebody last asked in it."""
    answers: int = Field(0, ge=0, le=36_500)
    """Questions and answers, and what was said of them."""
    feedback: int = Field(0, ge=0, le=36_500)
    """What was said of answers."""
    notifications: int = Field(0, ge=0, le=36_500)
    """What people were told of actions."""
    workflow_runs: int = Field(0, ge=0, le=36_500)
    """Runs that have ended."""
