"""After a release: sampled reviews, feedback, drift, freshness and outcomes."""
