"""The listener for phones that fetch their files by HTTPS: TLS and HTTP in a process that holds no file and no list."""
