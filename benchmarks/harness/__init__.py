"""What every benchmark needs: the peers' environment, the report, interleaved rounds."""
