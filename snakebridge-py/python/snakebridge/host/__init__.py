"""The host as a running tool sees it: its tools, what they stream, and the state of the session."""
