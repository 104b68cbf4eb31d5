"""What a command asks of a running lab, and the answers: by subject, so that it imports no more than it asks for."""
