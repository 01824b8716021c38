"""What the documents say is so: links, names, and figures that follow from others."""
