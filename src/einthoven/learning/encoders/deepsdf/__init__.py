"""Auto-decoder of four signed distances."""
