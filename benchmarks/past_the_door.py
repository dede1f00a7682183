"""Settings under which the sample company's poisoned documents are read as the others are: what is measured is behind
the door that would hold them back."""

from muniment.settings import parse

QUALITY = {"ingestion": {"quality": {"quarantine": []}}}
SERVED = parse(QUALITY)
