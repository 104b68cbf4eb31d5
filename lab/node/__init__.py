"""What runs inside a router: the speaker (ExaBGP), the sans-IO router, and the kernel's FIB."""
