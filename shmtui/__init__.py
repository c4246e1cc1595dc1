"""The htop of shared-memory IPC: watch, steer and mend POSIX bounded buffers."""

__version__ = "0.2.0"
