"""What happens when things break: kills, zombies, and guards taken away to see a test go red."""
