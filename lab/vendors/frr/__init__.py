"""FRR: zebra, bgpd and bfdd."""
