"""Live microphone streams: the WebSocket, its protocol, and the live page."""
