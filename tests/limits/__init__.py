"""What the system refuses to an ordinary user: /proc/PID/syscall (Yama), other processes (hidepid)."""
