"""Values as text for people and as JSON for programs. Pure: nothing here reads, writes or waits."""
