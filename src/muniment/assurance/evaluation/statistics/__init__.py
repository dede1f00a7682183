"""What scores say and how sure one may be of it: numbers in, numbers out."""
