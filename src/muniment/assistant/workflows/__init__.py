"""Work of several steps over days: read, have a model classify or draft, propose, wait for people, go on."""
