"""What an agent is told about handing over its work, and what is done with the work once it has been checked."""
