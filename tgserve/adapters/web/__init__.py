"""The one door through which the server fetches pages of others (SECURITY 6.10)."""
