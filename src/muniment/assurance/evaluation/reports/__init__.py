"""Reports of runs: a page, Markdown, JSON, JUnit and lines for a terminal."""
