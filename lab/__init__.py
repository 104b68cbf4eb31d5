"""erlab: a BGP route-policy lab with emulated routers for Azure ExpressRoute."""
