"""Who may read what, written a second time as plainly as possible, to be compared with the engine.

It knows nothing of the engine: it keeps the directory, the manifests and the lists set by hand in dictionaries and
answers each question from the definition.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Rule = tuple[set[str], set[str], str | None]
"""Allow, deny and the label."""
LABELS = ["public", "internal", "confidential", "restricted"]
NOBODY: Rule = (set(), set(), None)


@dataclass
class Oracle:
    """The company as a person would write it down."""

    users: dict[str, set[str]] = field(default_factory=dict)
    """Groups of each user."""
    parents: dict[str, set[str]] = field(default_factory=dict)
    """Groups that a group's members are also in."""
    clearances: dict[str, str] = field(default_factory=dict)
    """Of users with a ceiling."""
    files: set[str] = field(default_factory=set)
    manifests: dict[str, Rule] = field(default_factory=dict)
    """By folder."""
    by_hand: dict[str, Rule] = field(default_factory=dict)
    """By document or folder; these rule before manifests."""

    def groups(self, user: str) -> set[str]:
        found: set[str] = set()
        waiting = list(self.users[user])
        while waiting:
            group = waiting.pop()
            if group not in found:
                found.add(group)
                waiting.extend(self.parents.get(group, set()))
        return found

    def names(self, user: str) -> set[str]:
        return {f"user:{user}", "group:everyone"} | {f"group:{group}" for group in self.groups(user)}

    def above(self, path: str) -> list[str]:
        """Return the path itself and every folder above it, nearest first; the root is ''."""
        parts = path.split("/")
        return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)] + [""]

    def rule(self, path: str) -> Rule:
        for lists in (self.by_hand, self.manifests):
            for place in self.above(path):
                if place in lists:
                    return lists[place]
        return NOBODY

    def may_read(self, user: str, path: str) -> bool:
        if user not in self.users or path not in self.files:
            return False
        allow, deny, label = self.rule(path)
        names = self.names(user)
        return bool(allow & names) and not deny & names and self.is_cleared(user, label)

    def is_cleared(self, user: str, label: str | None) -> bool:
        if user not in self.clearances:
            return True
        return label in LABELS[: LABELS.index(self.clearances[user]) + 1]

    def readable(self, user: str) -> set[str]:
        return {path for path in self.files if self.may_read(user, path)}

    def directory(self) -> str:
        lines = []
        for user, groups in sorted(self.users.items()):
            lines += [f"[users.{user}]", f"groups = {sorted(groups)!r}"]
            if user in self.clearances:
                lines.append(f"clearance = {self.clearances[user]!r}")
        for group in sorted({*self.parents, *(g for groups in self.users.values() for g in groups)}):
            lines += [f"[groups.{group}]", f"members_of = {sorted(self.parents.get(group, set()))!r}"]
        return "\n".join(lines) + "\n"

    def manifest(self, folder: str) -> str:
        allow, deny, label = self.manifests[folder]
        stated = f"sensitivity = {label!r}\n" if label else ""
        return f"allow = {sorted(allow)!r}\ndeny = {sorted(deny)!r}\n{stated}"
