"""Reading documents, with the quoted words marked."""
