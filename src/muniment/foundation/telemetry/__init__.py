"""The door to counters, histograms, spans and log lines; it knows no user, document or model.

What may be exported is said in code: numbers, words of closed sets, and names that the operator gave things. There is
no way to hand it any other text, so that no content can leave by it.
"""
