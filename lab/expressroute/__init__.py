"""What Microsoft documents of ExpressRoute: numbers, communities, DSCP classes, and what the real circuit refuses."""
