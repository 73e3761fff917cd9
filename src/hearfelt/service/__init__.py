"""The service: HTTP and live streams; needs the extra ``serve``."""
