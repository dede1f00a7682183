"""Pages for those who run and guard the installation."""
