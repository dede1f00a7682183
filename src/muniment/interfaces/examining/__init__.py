"""What says whether a workspace is well: `doctor` shows all of it, the page of health what is read at once."""
