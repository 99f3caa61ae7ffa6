"""What is kept how long: releases, blobs, the audit log."""
