"""What a lab runs on. A runtime makes nodes, joins wires and starts the node program; it knows no BGP."""
