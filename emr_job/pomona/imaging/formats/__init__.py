"""The file formats, a module each: what a header promises, and the bytes that a decoder needs."""
