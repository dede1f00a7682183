"""Pages of documents as they were set: as images, and where on them stored words stand."""
