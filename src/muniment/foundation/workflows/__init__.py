"""Durable workflows: plain functions that survive the process that runs them.

Each step's result is recorded once it is known, and a function that is run again is given what was recorded. A step
may be cut short before that and run again: what it does outside must bear being done twice, or carry a key.
The library that records is dbos, which only this room imports, and only once something is started.
"""
