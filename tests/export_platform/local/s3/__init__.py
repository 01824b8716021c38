"""Tests of the S3 server: what it refuses, and what it keeps."""
