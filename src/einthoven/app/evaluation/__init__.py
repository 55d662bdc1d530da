"""How far a predicted lead field and its ECG are from the reference."""
