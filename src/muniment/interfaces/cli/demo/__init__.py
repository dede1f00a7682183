"""`muniment demo`: the product at work on the sample company, told as a story."""
