"""What an operator may call an entry of the settings, such as NAME in `[tools.servers.NAME]`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
