"""Networks u(s, t), v(s, t) trained on body potentials and the Aliev-Panfilov model (Zhu 2025)."""
