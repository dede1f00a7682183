"""Copies of the log in other places: each takes entries in order and is told of none twice without need."""
