"""Which files and passages matter: before anybody has asked, and for one request."""
