"""From recordings to a better version."""
