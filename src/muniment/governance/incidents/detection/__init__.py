"""Rules over the log that say what looks wrong. The same log always gives the same findings."""
