"""The S3 server of the embedded stack: moto behind a strict layer that checks and keeps."""
