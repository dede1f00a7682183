"""Settings learned on the organisation's own cases, proposed with proof and never applied by themselves."""
