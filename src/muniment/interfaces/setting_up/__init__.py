"""The first run: from an empty folder to the first answer, in a browser on this machine."""
